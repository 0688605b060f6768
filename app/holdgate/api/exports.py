"""Lists as files: two routes for each, whole however long it is, of the rows that its page exports."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from holdgate.api.bodies import read_query
from holdgate.api.endpoints import CSV, JSON, Endpoint, register
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.downloads import Rows, export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest


def export_routes(
    name: str,
    columns: Sequence[str],
    rows: Callable[[Database, Principal, Any], Rows],
    *,
    query: type[msgspec.Struct],
    scope: Scope,
    tag: str,
    order: str,
) -> list[HTTPRouteHandler]:
    """`/{name}/export.csv` and `.json`.

    Args:
        rows: what matches the query and may be seen by this person.
        order: in words, for the description.
    """

    def route(ending: str, media: str, body: Any, says: str) -> HTTPRouteHandler:
        async def write(request: WebRequest, user: SignedIn) -> Stream:
            wanted = read_query(request, query)
            return await export(request, name, columns, rows(request.app.state.database, user, wanted))

        write.__doc__ = f"All that match, {order}, however many; {says}. Columns: {', '.join(columns)}."
        summary = f"Export {name} as {ending.upper()}"
        made = Endpoint(scope=scope, summary=summary, tag=tag, answers={200: body}, query=query, media=media)
        return register("GET", f"/{name}/export.{ending}", made, f"export_{name}_{ending}")(write)

    return [
        route("csv", CSV, None, "UTF-8, no cell is a formula"),
        route("json", JSON, list[dict[str, Any]], "one list, which is no JSON when it was cut off"),
    ]
