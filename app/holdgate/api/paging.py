"""Lists of the API: a page, the cursor of the next one, and the Link header that leads there."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Response

from holdgate.api.endpoints import JSON
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor, parse_cursor
from holdgate.web.http.request import WebRequest

P = TypeVar("P")
R = TypeVar("R")

Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="How many at most.")]
CursorText = Annotated[str, msgspec.Meta(max_length=200, description="`next_cursor` of the page before.")]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """Query parameters of every list."""

    limit: Limit = 50
    cursor: CursorText = ""


class ListPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list. `total`: how many match, exact; null where that is not known without counting too many."""

    next_cursor: str | None
    total: int | None


def unpaged(query: type[Paged], name: str) -> type[msgspec.Struct]:
    """The same parameters for what is read whole, in one order."""
    fields = [
        (field.name, field.type, field.default)
        for field in msgspec.structs.fields(query)
        if field.name not in ("limit", "cursor", "sort")
    ]
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True)


def position(wanted: Paged) -> Cursor | None:
    """Where the page begins. Raises Invalid."""
    try:
        return parse_cursor(wanted.cursor)
    except Invalid as problem:
        raise Invalid("This cursor is damaged.", {"?cursor": "Take `next_cursor` as it was given."}) from problem


def page(
    request: WebRequest,
    kind: Callable[..., P],
    rows: Sequence[R],
    wanted: Paged,
    item: Callable[[R], Any],
    key: Callable[[R], object],
    total: int | None,
) -> Response[P]:
    """`rows` holds one more than asked for when there is a next page. `key`: behind what it begins; a Cursor mostly.
    `total`: how many there are on all pages; None: not known."""
    shown = rows[: wanted.limit]
    cursor = str(key(shown[-1])) if len(rows) > wanted.limit else None
    base = request.app.state.settings.base_url + request.scope["path"]
    given = {name: value for name, value in request.query_params.items() if name != "cursor"}
    links = [f'<{base}{_query(given)}>; rel="first"']
    if cursor is not None:
        links.append(f'<{base}{_query({**given, "cursor": cursor})}>; rel="next"')
    body = kind(items=[item(row) for row in shown], next_cursor=cursor, total=total)
    return Response(body, media_type=JSON, headers={"Link": ", ".join(links)})


def _query(values: dict[str, Any]) -> str:
    return f"?{urlencode(values)}" if values else ""
