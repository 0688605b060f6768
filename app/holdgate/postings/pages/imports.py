"""Pages of the import: the form, the preview of what would be imported, and its two buttons."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.core.db import Database, Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings.boards.fetching import fetch, target_of
from holdgate.postings.errors import ErrorsNotAccepted, HostBusy, ImportAlreadyConfirmed, NothingToImport, rows
from holdgate.postings.formats import ENCODINGS, FORMATS, MAX_BYTES, Parsed, parse
from holdgate.postings.formats.rows import host_of, with_scheme
from holdgate.postings.imports import service
from holdgate.postings.imports.service import Imported, ImportPreview
from holdgate.postings.pages.new_run import said_started, usual_name
from holdgate.postings.pages.selection import missing_parts, said_ways
from holdgate.runs import lookup as runs
from holdgate.web.forms import Form, blank, read_form, uploaded
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import UPLOAD, WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

FETCHES = Limit("import-address", 20, timedelta(minutes=10))
SHOWN = 200  # rows, and errors, that a preview lists
ENCODING_LABELS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "windows-1252": "Western European (Windows-1252)",
    "windows-1250": "Central European (Windows-1250)",
    "windows-1251": "Cyrillic (Windows-1251)",
    "windows-1253": "Greek (Windows-1253)",
    "windows-1254": "Turkish (Windows-1254)",
    "iso-8859-15": "Western European (ISO 8859-15)",
    "shift_jis": "Japanese (Shift JIS)",
    "gb18030": "Chinese (GB 18030)",
    "euc-kr": "Korean (EUC-KR)",
    "big5": "Chinese (Big5)",
}
FORMAT_LABELS = {
    "csv": "CSV",
    "greenhouse": "Greenhouse job board",
    "lever": "Lever postings",
    "ashby": "Ashby job board",
    "workable": "Workable widget",
    "recruitee": "Recruitee offers",
    "smartrecruiters": "SmartRecruiters postings",
    "personio": "Personio feed",
    "json-ld": "schema.org JobPosting",
}

_ENCODINGS = [("auto", "Detect automatically"), *((name, ENCODING_LABELS.get(name, name)) for name in ENCODINGS)]


class ImportForm(msgspec.Struct):
    """The file itself is read apart from this. `then`: a run is to be started from it."""

    text: str = ""
    address: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    then: Literal["", "run"] = ""
    format: Annotated[str, msgspec.Meta(pattern=f"^(auto|{'|'.join(FORMATS)})$")] = "auto"
    encoding: Annotated[str, msgspec.Meta(pattern=f"^(auto|{'|'.join(ENCODINGS)})$")] = "auto"


class ImportConfirmation(msgspec.Struct):
    leave_out: bool = False


class Beginning(ImportConfirmation, kw_only=True):
    """The confirmation that starts a run, too."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ImportView(msgspec.Struct, frozen=True):
    form: Form[ImportForm]
    formats: list[tuple[str, str]]
    encodings: list[tuple[str, str]]
    most_megabytes: int


class PreviewView(msgspec.Struct, frozen=True):
    preview: ImportPreview
    form: Form[Any]
    format: str
    shown: int
    then: str
    ways: str
    missing: str


@get("/postings/import", include_in_schema=False)
async def new_import(request: WebRequest, user: SignedIn, then: FromQuery[str] = "") -> Response[str]:
    return await _form_page(request, blank({"then": "run" if then == "run" else ""}), 200)


async def _form_page(request: WebRequest, form: Form[ImportForm], status: int) -> Response[str]:
    view = ImportView(
        form, [("auto", "Detect automatically"), *FORMAT_LABELS.items()], _ENCODINGS, MAX_BYTES // 1024**2
    )
    return await render(request, "postings/import.html", view, nav="postings", status=status)


# Without the request's write session: reading a large file takes seconds, in which no transaction shall be open.
@post("/postings/import", include_in_schema=False, opt={UPLOAD: True})
async def create_import(request: WebRequest, user: SignedIn) -> Response[str]:
    form: Form[ImportForm] = await read_form(request, ImportForm)
    if form.data is None:
        return await _form_page(request, form, 422)
    try:
        name, parsed = await _given(request, user, form.data)
        board = target_of(form.data.address) if form.data.address.strip() else ""
    except Invalid as problem:
        return await _form_page(request, form.refused(problem), 422)
    database: Database = request.app.state.database
    async with database.write(user.actor) as session:
        import_id = await service.keep(session, user, name, parsed, board=board)
    return see_other(request, f"/postings/import/{import_id}{'?then=run' if form.data.then else ''}")


async def _given(request: WebRequest, user: Principal, form: ImportForm) -> tuple[str, Parsed]:
    """The import's name and content. Raises Invalid as `_parsed` and `fetch` do; TooMany"""
    file = await uploaded(request, "file")
    if not form.address.strip():
        return await _parsed(form, file)
    if file is not None or form.text:
        raise Invalid(
            "Both given.", {"address": "Give an address or a file, not both. Clear this field to use a file."}
        )
    host = host_of(with_scheme(form.address.strip()))
    await request.app.state.limits.hit_all((FETCHES, str(user.id)))
    try:
        return host or form.address[:120], await fetch(
            request.app.state.settings, request.app.state.database, form.address
        )
    except (Invalid, HostBusy) as problem:
        raise Invalid(str(problem), {"address": str(problem)}) from problem


async def _parsed(form: ImportForm, file: UploadFile | None) -> tuple[str, Parsed]:
    """The import's name and content.

    Raises:
        Invalid: nothing given, or both, or nothing to be read in it.
    """
    if file is None and not form.text:
        why = "Give an address, choose a file, or paste the text of one."
        raise Invalid(why, {"file": why})
    if file is not None and form.text:
        raise Invalid("Both given.", {"text": "Choose a file or paste text, not both. Clear this field to use a file."})
    field = "text" if file is None else "file"
    data = form.text.encode() if file is None else await file.read()
    filename = None if file is None else file.filename
    try:
        format = None if form.format == "auto" else form.format
        encoding = None if form.encoding == "auto" or file is None else form.encoding
        parsed = await asyncio.to_thread(parse, data, filename, format, encoding)
    except Invalid as problem:
        raise Invalid(str(problem), {field: str(problem)}) from problem
    return "Pasted text" if filename is None else _harmless(filename), parsed


def _harmless(filename: str) -> str:
    """A file's name for people to read: no path, nothing invisible, not too long."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable()).strip()[:120] or "File"


@get("/postings/import/{import_id:uuid}", include_in_schema=False)
async def show_import(
    request: WebRequest, user: SignedIn, read: Read, import_id: FromPath[UUID], then: FromQuery[str] = ""
) -> Response[str]:
    form = blank({"name": await usual_name(read)} if then == "run" else {})
    return await _preview_page(request, read, user, await service.preview(read, user, import_id), form, 200, then)


async def _preview_page(
    request: WebRequest,
    session: Session,
    user: Principal,
    preview: ImportPreview,
    form: Form[Any],
    status: int,
    then: str = "",
) -> Response[str]:
    by_channel = Counter(row.channel for row in preview.new if not row.applied_on and not row.closed)
    format = FORMAT_LABELS.get(preview.format, preview.format)
    missing = await missing_parts(session, user)
    view = PreviewView(preview, form, format, SHOWN, "run" if then == "run" else "", said_ways(by_channel), missing)
    return await render(request, "postings/preview.html", view, nav="postings", status=status)


@post("/postings/import/{import_id:uuid}", include_in_schema=False)
async def confirm_import(request: WebRequest, user: SignedIn, write: Write, import_id: FromPath[UUID]) -> Response[str]:
    form: Form[ImportConfirmation] = await read_form(request, ImportConfirmation)
    try:
        done = await service.confirm(
            write, user, import_id, leave_out_errors=form.data is not None and form.data.leave_out
        )
    except ImportAlreadyConfirmed as late:
        # A double click: the first has done it, so this is no failure.
        return see_other(request, f"/postings/import/{import_id}", str(late), level="warning")
    except (ErrorsNotAccepted, NothingToImport) as problem:
        preview = await service.preview(write, user, import_id)
        return await _preview_page(request, write, user, preview, form.refused(problem), 422)
    return see_other(request, "/postings", _said(done), level="success" if done.new else "info")


@post("/postings/import/{import_id:uuid}/start", include_in_schema=False)
async def start_from_import(
    request: WebRequest, user: SignedIn, write: Write, import_id: FromPath[UUID]
) -> Response[str]:
    form: Form[Beginning] = await read_form(request, Beginning)
    if form.data is not None:
        try:
            done, started = await service.confirm_and_start(
                write, user, import_id, name=form.data.name, leave_out_errors=form.data.leave_out
            )
            return see_other(request, f"/runs/{started.run_id}", f"{_said(done)} {said_started(started)}")
        except ImportAlreadyConfirmed as late:
            # A double click has started the run, which has the import's id.
            run = await runs.find_run(write, import_id, user.id)
            where = f"/runs/{run.id}" if run else f"/postings/import/{import_id}"
            return see_other(request, where, str(late), level="info" if run else "warning")
        except Invalid as problem:
            await discard(request)  # a run that is refused leaves the import as it was
            # What the run refuses for its postings has no field here: its sentence says more than that field's would.
            form = form.refused(problem if problem.fields.keys() <= form.values.keys() else Invalid(str(problem)))
    return await _preview_page(request, write, user, await service.preview(write, user, import_id), form, 422, "run")


def _said(done: Imported) -> str:
    new = f"{done.new:,} posting{'s' if done.new != 1 else ''} imported." if done.new else "Nothing new to import."
    known = f" {rows(done.known)} had been imported before" if done.known else ""
    refreshed = f"; {done.refreshed:,} of them updated" if done.refreshed else ""
    return new + (f"{known}{refreshed}." if known else "")


@post("/postings/import/{import_id:uuid}/discard", include_in_schema=False)
async def discard_import(request: WebRequest, user: SignedIn, write: Write, import_id: FromPath[UUID]) -> Response[str]:
    await service.discard(write, user, import_id)
    return see_other(request, "/postings/import", "The import was discarded. Nothing has been imported.", level="info")


handlers: list[HTTPRouteHandler] = [
    new_import,
    create_import,
    show_import,
    confirm_import,
    start_from_import,
    discard_import,
]
