"""Postings for programs: listing, reading, adding one, importing a file in one step."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response

from holdgate.api.bodies import content_type
from holdgate.api.endpoints import CSV, JSON
from holdgate.api.exports import export_routes
from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import BodyReader, Query
from holdgate.core.db import Database, ReadSession, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings import editing, exports, queries, service
from holdgate.postings.api.schemas import (
    CreatedPosting,
    ImportDone,
    ImportQuery,
    LeftOut,
    PostingActed,
    PostingDetail,
    PostingExportQuery,
    PostingPage,
    PostingQuery,
    PostingWarning,
    detail,
    item,
    search_of,
)
from holdgate.postings.boards.fetching import fetch, target_of
from holdgate.postings.editing import NewPosting
from holdgate.postings.formats import Parsed, read
from holdgate.postings.imports import service as import_service
from holdgate.postings.imports.reading import read_for
from holdgate.web.http.request import WebRequest, principal

TAG = "Postings"
FILE = "application/octet-stream"
NAMED = 100  # bad rows that a refusal lists
EXAMPLE = {"title": "Gardener", "company": "Harrow", "location": "Leeds", "url": "https://harrow.example/jobs/7"}


@get("/postings", scope=Scope.TASKS_READ, tag=TAG, summary="List postings")
async def list_postings(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[PostingQuery]
) -> Response[PostingPage]:
    """Newest first."""
    rows = await queries.list_postings(read, user.scope, search_of(wanted), wanted.limit + 1, place=position(wanted))
    return page(request, PostingPage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id))


@get("/postings/{posting_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a posting")
async def get_posting(user: Principal, read: ReadSession, posting_id: UUID) -> PostingDetail:
    view = await service.load(read, posting_id, user.scope)
    return detail(view)


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


class GivenPostings(msgspec.Struct, frozen=True):
    """What was sent, and read."""

    parsed: Parsed
    board: str = ""


async def _read_file(request: WebRequest, wanted: ImportQuery) -> tuple[GivenPostings, None]:
    database: Database = request.app.state.database
    reading = wanted.reading
    if wanted.address:
        if await request.body():
            raise Invalid("Both given.", {"address": "Give an address or a file, not both."})
        answer = await fetch(request.app.state.settings, database, wanted.address)
        parsed = answer.parsed
        if reading.company:
            reading = msgspec.structs.replace(reading, address=answer.address)
            parsed = await asyncio.to_thread(read, answer.data, reading)
        return GivenPostings(parsed, target_of(wanted.address)), None
    media = content_type(request, CSV, JSON, FILE)
    if media == CSV and not reading.format:
        reading = msgspec.structs.replace(reading, format="csv")
    user = principal(request.scope)
    assert user is not None, "the route is for people who are known"
    _, parsed = await read_for(database, user, await request.body(), reading)
    return GivenPostings(parsed), None


@post(
    "/postings/import",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Import a file of postings",
    problems=(409, 429),
    bodies={CSV: str, JSON: Any, FILE: str},
)
async def import_postings(
    session: WriteSession,
    by: Principal,
    wanted: Query[ImportQuery],
    given: Annotated[GivenPostings, BodyReader(_read_file)],
) -> ImportDone:
    """CSV with a header, the JSON of a job board (Greenhouse, Lever, Ashby, SmartRecruiters, Workable, Recruitee), or
    schema.org JobPosting; as `application/octet-stream` also an Excel workbook, an XML feed or a saved web page; or
    nothing, with the `address` of a board or of a posting. Up to 10,000 postings. Known ones get their new text and
    questions, unless they were applied to or edited."""
    parsed = given.parsed
    left_out = [LeftOut(error.row, error.column, error.message) for error in parsed.errors]
    if left_out and not wanted.leave_out_errors:
        named = {f"[{bad.row}].{bad.column}".rstrip("."): bad.message for bad in left_out[:NAMED]}
        raise Invalid("Some rows are invalid, so none was imported. Fix them, or skip them.", named)
    import_id = await import_service.keep(session, by, "By API", parsed, board=given.board)
    done = await import_service.confirm(session, by, import_id, leave_out_errors=True)
    warnings = [PostingWarning(warning.row, warning.column, warning.message) for warning in parsed.warnings]
    return ImportDone(done.new, done.known, done.refreshed, left_out, warnings)


handlers = [
    list_postings,
    get_posting,
    add_posting,
    import_postings,
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
