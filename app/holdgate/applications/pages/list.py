"""/applications: all of them in one table, or as a board with a column for each status."""

from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Stream

from holdgate.applications import exports, queries
from holdgate.applications.queries import ApplicationSearch, ListedApplication
from holdgate.applications.states import AFTERWARDS, ApplicationStatus
from holdgate.core.db import ReadSession
from holdgate.core.paging import Cursor, paginate
from holdgate.core.principal import Principal
from holdgate.web.downloads import export
from holdgate.web.filters import state_label
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.pager import Pager, address, pager
from holdgate.web.render import render

CARDS = 25  # in one column of the board


class BoardColumn(msgspec.Struct, frozen=True):
    """The newest of a status, and how many there are of it."""

    status: ApplicationStatus
    cards: list[ListedApplication]
    count: int
    all_url: str


class ApplicationList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list, or the board. `afterwards` are the statuses a person can record."""

    applications: list[ListedApplication]
    columns: list[BoardColumn]
    board: bool
    q: str
    status: str
    tabs: list[tuple[str, str, str, int | None]]
    query: str
    list_url: str
    board_url: str
    pager: Pager | None
    afterwards: tuple[ApplicationStatus, ...] = AFTERWARDS


@get("/applications", include_in_schema=False)
async def show_applications(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    q: FromQuery[str] = "",
    status: FromQuery[str] = "",
    view: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    search = _search(q, status)
    page = await (_board(read, user, search) if view == "board" else _list(read, user, search, cursor, back))
    return await render(request, "applications/list.html", page, nav="applications", fragment="applications/_list.html")


@get(["/applications/export.csv", "/applications/export.json"], include_in_schema=False)
async def export_applications(
    request: WebRequest, user: SignedIn, q: FromQuery[str] = "", status: FromQuery[str] = ""
) -> Stream:
    found = exports.rows(request.app.state.database, user.scope, _search(q, status))
    return await export(request, "applications", exports.COLUMNS, found)


def _search(q: str, status: str) -> ApplicationSearch:
    known = status in set(ApplicationStatus)
    return ApplicationSearch(q.strip(), ApplicationStatus(status) if known else None)


async def _list(
    session: ReadSession, user: Principal, search: ApplicationSearch, cursor: str | None, back: str | None
) -> ApplicationList:
    async def applications(place: Cursor | None, limit: int, oldest: bool) -> list[ListedApplication]:
        return await queries.list_applications(session, user.scope, search, limit, place=place, oldest=oldest)

    turned = await paginate(applications, lambda row: Cursor(row.created_at, row.id), cursor, back)
    counts = await queries.count_by_status(session, user.scope, ApplicationSearch(search.q))
    filters = _filters(search)
    tabs: list[tuple[str, str, str, int | None]] = [("", "All", _address(search.q), None)]
    tabs += [
        (one.value, state_label(one), _address(search.q, one), counts[one])
        for one in ApplicationStatus
        if one in counts
    ]
    return _view(
        search,
        applications=turned.rows,
        tabs=tabs,
        pager=pager("/applications", turned, cursor, back, filters),
    )


async def _board(session: ReadSession, user: Principal, search: ApplicationSearch) -> ApplicationList:
    counts = await queries.count_by_status(session, user.scope, ApplicationSearch(search.q))
    columns = []
    for status in ApplicationStatus:
        cards: list[ListedApplication] = []
        if status in counts:
            wanted = ApplicationSearch(search.q, status)
            cards = await queries.list_applications(session, user.scope, wanted, CARDS)
        if cards or status is not ApplicationStatus.PUT_ASIDE:
            columns.append(BoardColumn(status, cards, counts.get(status, 0), _address(search.q, status)))
    return _view(ApplicationSearch(search.q), columns=columns, board=True)


def _view(
    search: ApplicationSearch,
    *,
    applications: list[ListedApplication] | None = None,
    columns: list[BoardColumn] | None = None,
    tabs: list[tuple[str, str, str, int | None]] | None = None,
    board: bool = False,
    pager: Pager | None = None,
) -> ApplicationList:
    return ApplicationList(
        applications=applications or [],
        columns=columns or [],
        board=board,
        q=search.q,
        status=search.status or "",
        tabs=tabs or [],
        query=urlencode(_filters(search)),
        list_url=_address(search.q),
        board_url=address("/applications", [("view", "board"), ("q", search.q)]),
        pager=pager,
    )


def _filters(search: ApplicationSearch) -> list[tuple[str, str]]:
    return [pair for pair in (("q", search.q), ("status", search.status or "")) if pair[1]]


def _address(q: str, status: ApplicationStatus | None = None) -> str:
    return address("/applications", _filters(ApplicationSearch(q, status)))


handlers: list[HTTPRouteHandler] = [show_applications, export_applications]
