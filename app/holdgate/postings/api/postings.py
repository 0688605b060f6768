"""Postings for programs: listing, reading, adding one, importing a file in one step."""

from uuid import UUID

from litestar import Response

from holdgate.api.exports import export_routes
from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings import editing, exports, queries, service
from holdgate.postings.api.schemas import (
    CreatedPosting,
    PostingActed,
    PostingDetail,
    PostingExportQuery,
    PostingPage,
    PostingQuery,
    detail,
    item,
    search_of,
)
from holdgate.postings.duplicates.queries import addresses_of, likely_of
from holdgate.postings.editing import NewPosting
from holdgate.web.http.request import WebRequest

TAG = "Postings"
FILE = "application/octet-stream"
NAMED = 100  # bad rows that a refusal lists
EXAMPLE = {"title": "Gardener", "company": "Harrow", "location": "Leeds", "url": "https://harrow.example/jobs/7"}


@get("/postings", scope=Scope.TASKS_READ, tag=TAG, summary="List postings")
async def list_postings(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[PostingQuery]
) -> Response[PostingPage]:
    """Newest first."""
    search = search_of(wanted)
    rows = await queries.list_postings(read, user.scope, search, wanted.limit + 1, place=position(wanted))
    total = await queries.count_listed(read, user.scope, search)
    return page(request, PostingPage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id), total)


@get("/postings/{posting_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a posting")
async def get_posting(user: Principal, read: ReadSession, posting_id: UUID) -> PostingDetail:
    view = await service.load(read, posting_id, user.scope)
    likely = await likely_of(read, [view.id])
    return detail(view, await addresses_of(read, view.id), likely.get(view.id, []))


@post("/postings", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add a posting", example=EXAMPLE)
async def add_posting(session: WriteSession, by: Principal, wanted: NewPosting) -> MutationReply[CreatedPosting]:
    """200 when there was one with this address."""
    made, known = await editing.add(session, by, wanted, "api")
    url = f"{PATH}/postings/{made}"
    return MutationReply(CreatedPosting(made, url, known), 200 if known else 201, url)


@post("/postings/{posting_id:uuid}", scope=Scope.TASKS_WRITE, tag=TAG, summary="Edit a posting", example=EXAMPLE)
async def edit_posting(session: WriteSession, by: Principal, wanted: NewPosting, posting_id: UUID) -> PostingActed:
    """The posting whole. From then on no import changes it."""
    await editing.edit(session, by, posting_id, wanted)
    return PostingActed(posting_id)


@post("/postings/{posting_id:uuid}/archive", scope=Scope.TASKS_WRITE, tag=TAG, summary="Archive a posting")
async def archive_posting(session: WriteSession, by: Principal, posting_id: UUID) -> PostingActed:
    """It is kept, and no run takes it."""
    await editing.archive(session, by, posting_id, archived=True)
    return PostingActed(posting_id)


@post("/postings/{posting_id:uuid}/restore", scope=Scope.TASKS_WRITE, tag=TAG, summary="Restore an archived posting")
async def restore_posting(session: WriteSession, by: Principal, posting_id: UUID) -> PostingActed:
    await editing.archive(session, by, posting_id, archived=False)
    return PostingActed(posting_id)


@post(
    "/postings/{posting_id:uuid}/delete",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Delete a posting",
    problems=(409,),
)
async def delete_posting(session: WriteSession, by: Principal, posting_id: UUID) -> PostingActed:
    """Not one that was applied to, or is in the course of it: archive that."""
    await editing.delete(session, by, posting_id)
    return PostingActed(posting_id)


handlers = [
    list_postings,
    get_posting,
    add_posting,
    edit_posting,
    archive_posting,
    restore_posting,
    delete_posting,
    *export_routes(
        "postings",
        exports.COLUMNS,
        lambda database, by, wanted: exports.rows(database, by.scope, search_of(wanted)),
        query=PostingExportQuery,
        scope=Scope.TASKS_READ,
        tag=TAG,
        order="newest first",
    ),
]
