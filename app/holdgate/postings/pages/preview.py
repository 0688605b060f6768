"""The preview of an import: what it would do, how its file was read, and its buttons."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.core.db import Database, Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings.errors import ErrorsNotAccepted, ImportAlreadyConfirmed, NothingToImport, rows
from holdgate.postings.formats import ENCODINGS
from holdgate.postings.formats.rows import ONE_COMPANY
from holdgate.postings.formats.table import chosen_fields
from holdgate.postings.imports import service
from holdgate.postings.imports.reading import read_or_ask
from holdgate.postings.imports.service import Imported, ImportPreview
from holdgate.postings.pages.new_run import said_started, usual_name
from holdgate.postings.pages.selection import MaterialChoice, material_choice, missing_parts, said_ways, watch_url
from holdgate.postings.service import Material
from holdgate.runs import lookup as runs
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.pager import address
from holdgate.web.render import render, see_other

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
    "xlsx": "Excel workbook",
    "xml": "XML",
    "greenhouse": "Greenhouse job board",
    "lever": "Lever postings",
    "ashby": "Ashby job board",
    "workable": "Workable widget",
    "recruitee": "Recruitee offers",
    "smartrecruiters": "SmartRecruiters postings",
    "personio": "Personio feed",
    "json-ld": "schema.org JobPosting",
}

FIELD_LABELS = [
    ("", "Keep as a detail"),
    ("title", "Title"),
    ("company", "Company"),
    ("url", "Address of the posting"),
    ("location", "Location"),
    ("apply_url", "Where to apply"),
    ("description", "Description"),
    ("external_id", "Reference number"),
    ("questions", "Questions (JSON)"),
    ("status", "Status"),
    ("applied", "Date applied"),
]


class ImportConfirmation(msgspec.Struct):
    leave_out: bool = False


class Beginning(ImportConfirmation, kw_only=True):
    """The confirmation that starts a run, too."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    resume: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


class HowToRead(msgspec.Struct):
    """The form that reads the file again. `column` and `field` are two columns of one table."""

    encoding: Annotated[str, msgspec.Meta(pattern=f"^(|{'|'.join(ENCODINGS)})$")] = ""
    company: Annotated[str, msgspec.Meta(max_length=300)] = ""
    column: list[str] = []
    field: list[str] = []
    remember: bool = False
    then: str = ""


class PreviewView(msgspec.Struct, frozen=True, kw_only=True):
    """`asks_company`: the file names none, or its board's short name; `watch`: the form of a watch of its board;
    `size`: how many rows of each kind a page has."""

    preview: ImportPreview
    form: Form[Any]
    format: str
    then: str
    ways: str
    missing: str
    material: MaterialChoice
    encodings: list[tuple[str, str]]
    fields: list[tuple[str, str]]
    asks_company: bool
    previous: str | None
    next: str | None
    watch: str
    size: int = service.PAGE


@get("/postings/import/{import_id:uuid}", include_in_schema=False)
async def show_import(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    import_id: FromPath[UUID],
    then: FromQuery[str] = "",
    page: FromQuery[int] = 1,
) -> Response[str]:
    form = blank({"name": await usual_name(read)} if then == "run" else {})
    return await _preview_page(
        request, read, user, await service.preview(read, user, import_id, page=page), form, 200, then
    )


async def _preview_page(
    request: WebRequest,
    session: Session,
    user: Principal,
    preview: ImportPreview,
    form: Form[Any],
    status: int,
    then: str = "",
) -> Response[str]:
    then = "run" if then == "run" else ""
    here = f"/postings/import/{preview.id}"
    turn = {n: address(here, [("then", then), ("page", str(n))]) for n in (preview.page - 1, preview.page + 1)}
    view = PreviewView(
        preview=preview,
        form=form,
        format=FORMAT_LABELS.get(preview.format, preview.format),
        then=then,
        ways=said_ways(preview.by_channel),
        missing=await missing_parts(session, user),
        material=await material_choice(session, user),
        encodings=[(name, label) for name, label in ENCODING_LABELS.items()],
        fields=FIELD_LABELS,
        asks_company=preview.format in ONE_COMPANY or bool(preview.reading.company) or _lacks_company(preview),
        previous=turn[preview.page - 1] if preview.page > 1 else None,
        next=turn[preview.page + 1] if preview.page < preview.pages else None,
        watch=watch_url(preview.board) if preview.board else "",
    )
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
            material = Material(form.data.resume, form.data.letter)
            done, started = await service.confirm_and_start(
                write,
                user,
                import_id,
                name=form.data.name,
                leave_out_errors=form.data.leave_out,
                material=material,
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


def _lacks_company(preview: ImportPreview) -> bool:
    told = {each.column for each in preview.errors} | {each.column for each in preview.warnings}
    unnamed = preview.columns and not any(column.field == "company" for column in preview.columns)
    return "company" in told or bool(unnamed)


# Without the request's write session: reading a large file takes seconds, in which no transaction shall be open.
@post("/postings/import/{import_id:uuid}/read", include_in_schema=False)
async def read_again(request: WebRequest, user: SignedIn, import_id: FromPath[UUID]) -> Response[str]:
    form: Form[HowToRead] = await read_form(request, HowToRead)
    database: Database = request.app.state.database
    try:
        if form.data is None:
            raise Invalid("Choose an encoding of the list.")
        wanted = form.data
        fields = chosen_fields(dict(zip(wanted.column, wanted.field, strict=False)))
        async with database.read() as session:
            data, before = await service.load_file(session, user, import_id)
        reading = msgspec.structs.replace(before, encoding=wanted.encoding, company=wanted.company, fields=fields)
        reading, parsed = await read_or_ask(database, user, data, reading)
        async with database.write(user.actor) as session:
            await service.reread(session, user, import_id, reading, parsed, remember=wanted.remember)
    except ImportAlreadyConfirmed as late:
        return see_other(request, f"/postings/import/{import_id}", str(late), level="warning")
    except (Invalid, ValueError) as problem:
        problem = problem if isinstance(problem, Invalid) else Invalid(str(problem))
        async with database.read() as session:
            preview = await service.preview(session, user, import_id)
            form = form.refused(Invalid(str(problem)))
            return await _preview_page(request, session, user, preview, form, 422, form.value("then"))
    return see_other(request, address(f"/postings/import/{import_id}", [("then", wanted.then)]))


handlers: list[HTTPRouteHandler] = [
    show_import,
    read_again,
    confirm_import,
    start_from_import,
    discard_import,
]
