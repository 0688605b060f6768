"""Imports for programs: in one step, or with a preview that is read again, confirmed, started or discarded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import msgspec

from holdgate.api.bodies import content_type, read_json
from holdgate.api.endpoints import CSV, JSON
from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import BodyReader, Query
from holdgate.core.db import Database, ReadSession, Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings.api.import_schemas import (
    ConfirmedImport,
    ConfirmImport,
    DiscardedImport,
    FileQuery,
    ImportDone,
    ImportQuery,
    LeftOut,
    PostingWarning,
    PreviewedImport,
    PreviewQuery,
    ReadAgain,
    StartImport,
    previewed,
)
from holdgate.postings.api.schemas import ApplicationsAdded
from holdgate.postings.boards.fetching import fetch, target_of
from holdgate.postings.formats import FileReading, Parsed, read
from holdgate.postings.formats.table import chosen_fields
from holdgate.postings.imports import service
from holdgate.postings.imports.reading import read_for, read_or_ask
from holdgate.postings.service import Material
from holdgate.web.http.request import WebRequest, principal

TAG = "Postings"
FILE = "application/octet-stream"
NAMED = 100  # bad rows that a refusal lists
BODIES: dict[str, Any] = {CSV: str, JSON: Any, FILE: str}

Reader = Callable[[Database, Principal, bytes, FileReading], Awaitable[tuple[FileReading, Parsed]]]


class GivenPostings(msgspec.Struct, frozen=True):
    """What was sent, and read."""

    parsed: Parsed
    data: bytes
    reading: FileReading
    board: str = ""


async def _read_whole(request: WebRequest, wanted: ImportQuery) -> tuple[GivenPostings, None]:
    return await _given(request, wanted, read_for), None


async def _read_to_preview(request: WebRequest, wanted: FileQuery) -> tuple[GivenPostings, None]:
    """A table whose columns nobody knows yet is to be previewed, too: its columns alone."""
    return await _given(request, wanted, read_or_ask), None


async def _given(request: WebRequest, wanted: FileQuery, reader: Reader) -> GivenPostings:
    database: Database = request.app.state.database
    reading = wanted.reading
    if wanted.address:
        if await request.body():
            raise Invalid("Both given.", {"address": "Give an address or a file, not both."})
        answer = await fetch(request.app.state.settings, database, wanted.address)
        reading = msgspec.structs.replace(reading, address=answer.address)
        parsed = await asyncio.to_thread(read, answer.data, reading) if reading.company else answer.parsed
        return GivenPostings(parsed, answer.data, reading, target_of(wanted.address))
    media = content_type(request, CSV, JSON, FILE)
    if media == CSV and not reading.format:
        reading = msgspec.structs.replace(reading, format="csv")
    data = await request.body()
    reading, parsed = await reader(database, _by(request), data, reading)
    return GivenPostings(parsed, data, reading)


def _by(request: WebRequest) -> Principal:
    user = principal(request.scope)
    assert user is not None, "the route is for people who are known"
    return user


@post(
    "/postings/import",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Import a file of postings",
    problems=(409, 429),
    bodies=BODIES,
)
async def import_postings(
    session: WriteSession,
    by: Principal,
    wanted: Query[ImportQuery],
    given: Annotated[GivenPostings, BodyReader(_read_whole)],
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
    import_id = await service.keep(session, by, "By API", parsed, board=given.board)
    done = await service.confirm(session, by, import_id, leave_out_errors=True)
    warnings = [PostingWarning(warning.row, warning.column, warning.message) for warning in parsed.warnings]
    return ImportDone(done.new, done.known, done.refreshed, left_out, warnings)


@post(
    "/postings/imports",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Preview an import of postings",
    problems=(409, 429),
    bodies=BODIES,
)
async def preview_import(
    session: WriteSession,
    by: Principal,
    wanted: Query[FileQuery],
    given: Annotated[GivenPostings, BodyReader(_read_to_preview)],
) -> MutationReply[PreviewedImport]:
    """What POST /postings/import takes, and nothing is imported yet. It waits for a day to be confirmed."""
    import_id = await service.keep(
        session, by, "By API", given.parsed, board=given.board, data=given.data, reading=given.reading
    )
    made = await _preview(session, by, import_id)
    return MutationReply(made, 201, made.url)


@get("/postings/imports/{import_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read the preview of an import")
async def get_import(
    user: Principal, read: ReadSession, wanted: Query[PreviewQuery], import_id: UUID
) -> PreviewedImport:
    return await _preview(read, user, import_id, wanted.page)


async def _preview(session: Session, by: Principal, import_id: UUID, page: int = 1) -> PreviewedImport:
    return previewed(await service.preview(session, by, import_id, page=page), f"{PATH}/postings/imports/{import_id}")


class ReadAnew(msgspec.Struct, frozen=True):
    """The file of an import, read another way."""

    reading: FileReading
    parsed: Parsed
    remember: bool


async def _read_again(request: WebRequest, _: None) -> tuple[ReadAnew, None]:
    wanted = await read_json(request, ReadAgain)
    database: Database = request.app.state.database
    by = _by(request)
    try:
        fields = chosen_fields(wanted.columns)
    except ValueError as error:
        raise Invalid("The columns are invalid.", {"columns": str(error)}) from error
    async with database.read() as session:
        data, before = await service.load_file(session, by, UUID(str(request.path_params["import_id"])))
    encoding = "" if wanted.encoding == "auto" else wanted.encoding
    reading = msgspec.structs.replace(before, encoding=encoding, company=wanted.company, fields=fields)
    reading, parsed = await read_or_ask(database, by, data, reading)
    return ReadAnew(reading, parsed, wanted.remember), None


@post(
    "/postings/imports/{import_id:uuid}/read",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Read the file of an import another way",
    example={"columns": {"Rolle": "title", "Firma": "company", "Link": "url"}, "remember": True},
    problems=(409,),
    bodies={JSON: ReadAgain},
)
async def read_import_again(
    session: WriteSession,
    by: Principal,
    anew: Annotated[ReadAnew, BodyReader(_read_again)],
    import_id: UUID,
) -> PreviewedImport:
    """In another encoding, with other columns, for another company. Nothing is imported yet."""
    await service.reread(session, by, import_id, anew.reading, anew.parsed, remember=anew.remember)
    return await _preview(session, by, import_id)


@post(
    "/postings/imports/{import_id:uuid}/confirm",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Confirm an import",
    example={"leave_out_errors": True},
    problems=(409,),
)
async def confirm_import(
    session: WriteSession, by: Principal, wanted: ConfirmImport, import_id: UUID
) -> ConfirmedImport:
    """All its valid rows become postings, or none does."""
    done = await service.confirm(session, by, import_id, leave_out_errors=wanted.leave_out_errors)
    return ConfirmedImport(import_id, done.new, done.known, done.refreshed)


@post(
    "/postings/imports/{import_id:uuid}/start",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Confirm an import and start a run",
    example={"name": "Monday"},
    problems=(409,),
)
async def start_import(
    session: WriteSession, by: Principal, wanted: StartImport, import_id: UUID
) -> MutationReply[ApplicationsAdded]:
    """With all its postings, less those that were applied to or are closed."""
    _, made = await service.confirm_and_start(
        session,
        by,
        import_id,
        name=wanted.name,
        leave_out_errors=wanted.leave_out_errors,
        material=Material(wanted.resume_id, wanted.letter),
    )
    url = f"{PATH}/runs/{made.run_id}"
    return MutationReply(ApplicationsAdded(made.run_id, url, made.tasks, made.skipped), 201, url)


@post(
    "/postings/imports/{import_id:uuid}/discard",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Discard an import",
    problems=(409,),
)
async def discard_import(session: WriteSession, by: Principal, import_id: UUID) -> DiscardedImport:
    await service.discard(session, by, import_id)
    return DiscardedImport(import_id)


handlers = [
    import_postings,
    preview_import,
    get_import,
    read_import_again,
    confirm_import,
    start_import,
    discard_import,
]
