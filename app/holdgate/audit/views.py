"""/admin/audit: who did what, for administrators, with filters and as a file; and the whole log of tasks."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.response import Stream

from holdgate.audit import exports, queries
from holdgate.audit.entries import AREAS, AuditEntry, AuditFilter, parse_place
from holdgate.audit.errors import LookupTooSlow
from holdgate.audit.sentences import sentence
from holdgate.core.errors import Invalid
from holdgate.core.paging import PAGE
from holdgate.core.text.masking import masked, masked_text
from holdgate.tasks.search.values import parse_age
from holdgate.tasks.states import TaskVerb
from holdgate.web.downloads import export
from holdgate.web.forms import Form
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

PATH = "/admin/audit"
LOG = "log"  # the view of every change of tasks
MOST_TEXT = 300


class AuditRow(msgspec.Struct, frozen=True):
    """A line with its secrets hidden; `more` is what else was noted, in short. `by_itself`: nobody did it."""

    line: AuditEntry
    sentence: str
    detail: str
    more: str

    @property
    def by_itself(self) -> bool:
        return self.sentence.startswith(("Attempt ", "Task ", "Request "))


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[AuditRow]
    form: Form[Any]
    everything: bool
    areas: tuple[str, ...]
    verbs: list[str]
    people_url: str
    log_url: str
    export: str
    next_url: str | None
    first_url: str | None


def _asked(request: WebRequest) -> tuple[AuditFilter | None, Form[Any]]:
    """The filter in the URL, None while something in it does not fit, and the form with what was entered."""
    given = {name: request.query_params.get(name, "").strip() for name in AuditFilter.__struct_fields__}
    errors: dict[str, str] = {}
    values: dict[str, Any] = {name: text for name, text in given.items() if text}
    for name, text in list(values.items()):
        try:
            if len(text) > MOST_TEXT or "\0" in text:
                raise ValueError(f"At most {MOST_TEXT} characters.")
            if name in ("since", "until"):
                parse_age(text)
            if name == "task":
                values[name] = _id(text)
            if name == "area" and text not in AREAS:
                raise ValueError("Choose an option from the list.")
        except ValueError as problem:
            errors[name] = str(problem)
    return None if errors else AuditFilter(**values), Form(values=given, errors=errors)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("This is not a valid ID.") from None


def _address(wanted: AuditFilter, everything: bool, path: str = PATH, before: str = "") -> str:
    params = {name: str(value) for name, value in msgspec.structs.asdict(wanted).items() if value}
    more = {"show": LOG if everything else "", "before": before}
    params |= {name: value for name, value in more.items() if value}
    return path + ("?" + urlencode(params) if params else "")


@get(PATH, guards=[admin_only])
async def show_audit(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    everything = request.query_params.get("show") == LOG
    before = parse_place(request.query_params.get("before", ""))
    wanted, form = _asked(request)
    found: list[AuditEntry] = []
    if wanted is not None:
        try:
            found = await queries.audit_lines(read, wanted, before, PAGE + 1, everything=everything)
        except LookupTooSlow as problem:
            await read.rollback()  # the statement's end was the transaction's
            form = form.refused(problem)
    shown, good = found[:PAGE], wanted or AuditFilter()
    view = AuditView(
        rows=[AuditRow(line, sentence(line), masked_text(line.detail or ""), _more(line)) for line in shown],
        form=form,
        everything=everything,
        areas=AREAS,
        verbs=["enqueue", *(each.value for each in TaskVerb), "prioritise", "resolve", "reopen", "delete"],
        people_url=_address(good, False),
        log_url=_address(msgspec.structs.replace(good, area=""), True),
        export=_address(good, everything, "").removeprefix("?"),
        next_url=_address(good, everything, before=str(shown[-1].place)) if len(found) > PAGE else None,
        first_url=_address(good, everything) if before is not None else None,
    )
    return await render(request, "audit/list.html", view, nav="audit", status=422 if form.errors else 200)


def _more(line: AuditEntry) -> str:
    """What was noted beside: from what to what, for whom; of an edited payload which fields."""
    data = masked(line.data)
    if not isinstance(data, dict) or line.area == "bulk" or "traceback" in data:  # an error: the detail says it
        return ""
    if isinstance(data.get("payload"), list):
        return "Changed in the payload: " + ", ".join(str(each.get("path") or "all of it") for each in data["payload"])
    if "from" in data and "to" in data:
        return f"{data['from']} → {data['to']}"
    return ", ".join(f"{name}: {', '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in data.items() if v)


@get([f"{PATH}/export.csv", f"{PATH}/export.json"], guards=[admin_only])
async def export_audit(request: WebRequest, user: SignedIn) -> Stream:
    wanted, form = _asked(request)
    if wanted is None:
        raise Invalid(" ".join(form.errors.values()), dict(form.errors))
    everything = request.query_params.get("show") == LOG
    found = exports.rows(request.app.state.database, wanted, everything=everything)
    return await export(request, "audit", exports.COLUMNS, found)


handlers = [show_audit, export_audit]
