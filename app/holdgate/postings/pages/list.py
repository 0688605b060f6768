"""Pages of postings: the list with its search, and one posting. `handlers` are those of the whole feature."""

from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from markupsafe import Markup

from holdgate.core.db import ReadSession
from holdgate.core.paging import Cursor, paginate
from holdgate.core.principal import Principal
from holdgate.postings import exports, queries, service
from holdgate.postings.duplicates.queries import LikelySame, PostingAddress, addresses_of, likely_of
from holdgate.postings.pages import add_to_run, duplicates, edit, imports, new_run
from holdgate.postings.pages.selection import watch_url
from holdgate.postings.queries import Listed, Search, open_ones
from holdgate.postings.service import PostingView
from holdgate.web.downloads import export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.pager import Pager, address, pager
from holdgate.web.render import render

TABS = (
    ("", "All", Search(archived=False)),
    ("no", "Not applied", open_ones("")),
    ("yes", "Applied", Search(applied=True, archived=False)),
    ("closed", "Closed", Search(applied=False, closed=True, archived=False)),
    ("likely", "Possible duplicates", Search(archived=False, likely=True)),
    ("archived", "Archived", Search(archived=True)),
)


class PostingList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list. `mine` are the ids that this person can start a run with; `likely` the postings that may be
    the same, by id."""

    postings: list[Listed]
    mine: set[UUID]
    likely: dict[UUID, list[LikelySame]]
    q: str
    applied: str
    tabs: list[tuple[str, str, str, None]]
    all_url: str
    watch_url: str
    query: str
    pager: Pager


class PostingListView(msgspec.Struct, frozen=True):
    """`likely` may be the same posting; `addresses` are its other ones."""

    posting: PostingView
    description: Markup
    own: bool
    likely: list[LikelySame]
    addresses: list[PostingAddress]


@get("/postings", include_in_schema=False)
async def show_postings(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    q: FromQuery[str] = "",
    applied: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    view = await _page(read, user, q.strip(), applied, cursor, back)
    return await render(request, "postings/list.html", view, nav="postings", fragment="postings/_list.html")


def _search(q: str, applied: str) -> tuple[Search, str]:
    """What a tab shows, and which one it is."""
    key, _, search = next((tab for tab in TABS if tab[0] == applied), TABS[0])
    return msgspec.structs.replace(search, q=q), key


async def _page(
    session: ReadSession, user: Principal, q: str, applied: str, cursor: str | None, back: str | None
) -> PostingList:
    search, applied = _search(q, applied)

    async def postings(place: Cursor | None, limit: int, oldest: bool) -> list[Listed]:
        return await queries.list_postings(session, user.scope, search, limit, place=place, oldest=oldest)

    turned = await paginate(postings, lambda row: Cursor(row.created_at, row.id), cursor, back)
    filters = [pair for pair in (("q", q), ("applied", applied)) if pair[1]]
    return PostingList(
        postings=turned.rows,
        mine={row.id for row in turned.rows if row.owner_id == user.id},
        likely=await likely_of(session, [row.id for row in turned.rows]),
        q=q,
        applied=applied,
        tabs=[(key, label, address("/postings", [("q", q), ("applied", key)]), None) for key, label, _ in TABS],
        all_url=address("/runs/new", [("q", q), ("all", "true")]),
        watch_url=watch_url("https://"),
        query=urlencode(filters),
        pager=pager("/postings", turned, cursor, back, filters),
    )


@get(["/postings/export.csv", "/postings/export.json"], include_in_schema=False)
async def export_postings(
    request: WebRequest, user: SignedIn, q: FromQuery[str] = "", applied: FromQuery[str] = ""
) -> Stream:
    search, _ = _search(q.strip(), applied)
    return await export(
        request, "postings", exports.COLUMNS, exports.rows(request.app.state.database, user.scope, search)
    )


@get("/postings/{posting_id:uuid}", include_in_schema=False)
async def show_posting(request: WebRequest, user: SignedIn, read: Read, posting_id: FromPath[UUID]) -> Response[str]:
    posting = await service.load(read, posting_id, user.scope)
    view = PostingListView(
        posting,
        sanitised_markup(posting),
        posting.owner_id == user.id,
        (await likely_of(read, [posting.id])).get(posting.id, []),
        await addresses_of(read, posting.id),
    )
    return await render(request, "postings/detail.html", view, nav="postings")


def sanitised_markup(posting: PostingView) -> Markup:
    """The one place where a posting's text goes into a page as HTML.

    Every way into the table leads through `formats.description.sanitised`, which leaves a dozen harmless elements.
    """
    return Markup(posting.description)  # noqa: S704


handlers: list[HTTPRouteHandler] = [
    show_postings,
    export_postings,
    show_posting,
    *edit.handlers,
    *duplicates.handlers,
    *imports.handlers,
    *new_run.handlers,
    *add_to_run.handlers,
]
