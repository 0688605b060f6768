"""/search: pages, runs and tasks by what one types; a page of its own, and what the command palette shows."""

from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from holdgate.feature import FoundItems, NavigationItem, parts
from holdgate.runs import queries
from holdgate.runs.models import Run
from holdgate.tasks.models import Task
from holdgate.tasks.search.lookup import tasks_like
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.navigation import Navigation
from holdgate.web.render import render

MOST = 8
LONGEST = 200


class SearchView(msgspec.Struct, frozen=True, kw_only=True):
    q: str
    places: list[NavigationItem]
    runs: list[Run]
    tasks: list[Task]
    others: list[FoundItems]


@get("/search")
async def search(
    request: WebRequest, user: SignedIn, read: Read, q: Annotated[str, QueryParameter(max_length=LONGEST)] = ""
) -> Response[str]:
    wanted = q.strip()
    navigation: Navigation = request.app.state.navigation
    view = SearchView(
        q=wanted,
        places=navigation.find(user, wanted),
        runs=await queries.runs_like(read, user.scope, wanted, MOST) if wanted else [],
        tasks=await tasks_like(read, user.scope, wanted, MOST) if wanted else [],
        others=[await find(read, user, wanted, MOST) for find in parts("finds")] if wanted else [],
    )
    return await render(request, "search.html", view, nav="search", fragment="_search.html")


handlers: list[HTTPRouteHandler] = [search]
