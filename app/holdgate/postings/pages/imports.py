"""Importing postings: the form, and what it gives."""

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings.boards.fetching import fetch, target_of
from holdgate.postings.errors import HostBusy
from holdgate.postings.formats import ENCODINGS, FORMATS, MAX_BYTES, FileReading, Parsed
from holdgate.postings.formats.rows import host_of, with_scheme
from holdgate.postings.imports import service
from holdgate.postings.imports.reading import read_or_ask
from holdgate.postings.pages import preview
from holdgate.postings.pages.preview import ENCODING_LABELS, FORMAT_LABELS
from holdgate.web.forms import Form, blank, read_form, uploaded
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import UPLOAD, WebRequest
from holdgate.web.render import render, see_other

FETCHES = Limit("import-address", 20, timedelta(minutes=10))
_ENCODINGS = [("auto", "Detect automatically"), *((name, ENCODING_LABELS.get(name, name)) for name in ENCODINGS)]


class ImportForm(msgspec.Struct):
    """The file itself is read apart from this. `then`: a run is to be started from it."""

    text: str = ""
    address: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    then: Literal["", "run"] = ""
    format: Annotated[str, msgspec.Meta(pattern=f"^(auto|{'|'.join(FORMATS)})$")] = "auto"
    encoding: Annotated[str, msgspec.Meta(pattern=f"^(auto|{'|'.join(ENCODINGS)})$")] = "auto"


class ImportView(msgspec.Struct, frozen=True):
    form: Form[ImportForm]
    formats: list[tuple[str, str]]
    encodings: list[tuple[str, str]]
    most_megabytes: int


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
        given = await _given(request, user, form.data)
    except Invalid as problem:
        return await _form_page(request, form.refused(problem), 422)
    database: Database = request.app.state.database
    async with database.write(user.actor) as session:
        import_id = await service.keep(
            session, user, given.name, given.parsed, board=given.board, data=given.data, reading=given.reading
        )
    return see_other(request, f"/postings/import/{import_id}{'?then=run' if form.data.then else ''}")


class GivenFile(NamedTuple):
    """What the form gives, and what was read of it."""

    name: str
    parsed: Parsed
    data: bytes
    reading: FileReading
    board: str = ""


async def _given(request: WebRequest, user: Principal, form: ImportForm) -> GivenFile:
    """Raises Invalid as `_read` and `fetch` do; TooMany"""
    file = await uploaded(request, "file")
    if not form.address.strip():
        return await _read(request, user, form, file)
    if file is not None or form.text:
        raise Invalid(
            "Both given.", {"address": "Give an address or a file, not both. Clear this field to use a file."}
        )
    host = host_of(with_scheme(form.address.strip()))
    await request.app.state.limits.hit_all((FETCHES, str(user.id)))
    try:
        answer = await fetch(request.app.state.settings, request.app.state.database, form.address)
    except (Invalid, HostBusy) as problem:
        raise Invalid(str(problem), {"address": str(problem)}) from problem
    reading = FileReading(address=answer.address)
    return GivenFile(host or form.address[:120], answer.parsed, answer.data, reading, target_of(form.address))


async def _read(request: WebRequest, user: Principal, form: ImportForm, file: UploadFile | None) -> GivenFile:
    """Raises Invalid: nothing given, or both, or nothing to be read in it."""
    if file is None and not form.text:
        why = "Give an address, choose a file, or paste the text of one."
        raise Invalid(why, {"file": why})
    if file is not None and form.text:
        raise Invalid("Both given.", {"text": "Choose a file or paste text, not both. Clear this field to use a file."})
    field = "text" if file is None else "file"
    data = form.text.encode() if file is None else await file.read()
    reading = FileReading(
        filename=(file.filename or "")[:300] if file else "",
        format="" if form.format == "auto" else form.format,
        encoding="" if form.encoding == "auto" or file is None else form.encoding,
    )
    try:
        reading, parsed = await read_or_ask(request.app.state.database, user, data, reading)
    except Invalid as problem:
        raise Invalid(str(problem), {field: str(problem)}) from problem
    return GivenFile("Pasted text" if file is None else _harmless(file.filename), parsed, data, reading)


def _harmless(filename: str) -> str:
    """A file's name for people to read: no path, nothing invisible, not too long."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable()).strip()[:120] or "File"


handlers: list[HTTPRouteHandler] = [
    new_import,
    create_import,
    *preview.handlers,
]
