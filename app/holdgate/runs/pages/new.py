"""/runs/new/tasks: a run of any kind, started from the page: a name, the kind, and a payload in each line."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery

from holdgate.core.errors import Invalid
from holdgate.runs import service
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.kinds import AnyKind, all_kinds
from holdgate.tasks.pages.payload_input import JSON_FIELD, read_payload
from holdgate.tasks.service import TaskRequest
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

MOST_TASKS = 1_000
MOST_TEXT = 500_000  # characters of all payloads
SHOWN_PROBLEMS = 5


class TaskRunForm(msgspec.Struct, frozen=True):
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=service.LONGEST_NAME)]
    payloads: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_TEXT)]
    title: Annotated[str, msgspec.Meta(max_length=290)] = ""


class TaskRunPage(msgspec.Struct, frozen=True):
    form: Form[Any]
    kinds: list[str]
    kind: AnyKind


def _kinds() -> list[AnyKind]:
    return [kind for kind in all_kinds() if not kind.internal]


def _page(form: Form[Any], kind: AnyKind) -> TaskRunPage:
    return TaskRunPage(form, [each.name for each in _kinds()], kind)


def _kind(name: str) -> AnyKind:
    """That one, or the first: a form cannot be without."""
    return next((kind for kind in _kinds() if kind.name == name), _kinds()[0])


@get("/runs/new/tasks")
async def new_run(
    request: WebRequest, user: SignedIn, read: Read, kind: FromQuery[str] = "sample.task"
) -> Response[str]:
    chosen = _kind(kind)
    return await render(request, "runs/new_tasks.html", _page(blank({"kind": chosen.name}), chosen), nav="runs")


@post("/runs/new/tasks")
async def start(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, TaskRunForm)
    kind = _kind(str(form.value("kind")))
    if form.data is not None:
        try:
            requests = tasks_of(kind, form.data)
            run_id = await service.start_run(write, user, form.data.name, requests)
        except Invalid as problem:
            form = form.refused(problem)
        else:
            n = len(requests)
            return see_other(request, f"/runs/{run_id}", f"Run started with {n} {'task' if n == 1 else 'tasks'}.")
    return await render(request, "runs/new_tasks.html", _page(form, kind), nav="runs", status=422)


def tasks_of(kind: AnyKind, wanted: TaskRunForm) -> list[TaskRequest]:
    """One of each line that has something; each is checked, so that the line is told which is wrong.

    Raises:
        Invalid
    """
    lines = [(n, line) for n, line in enumerate(wanted.payloads.splitlines(), 1) if line.strip()]
    if not 0 < len(lines) <= MOST_TASKS:
        sentence = f"Write one payload in each line, at most {MOST_TASKS:,}; more can be sent by the API."
        raise Invalid(sentence, {"payloads": sentence})
    requests, problems = [], []
    for place, (n, line) in enumerate(lines, 1):
        try:
            payload = read_payload(line)
            kind.parse(payload)
        except (Invalid, PayloadMismatch) as problem:
            problems.append(f"Line {n}: {problem.fields.get(JSON_FIELD, str(problem))}")
            continue
        title = f"{wanted.title} {place}" if wanted.title else ""
        requests.append(TaskRequest(kind=kind.name, payload=payload, title=title))
    if problems:
        more = f" And {len(problems) - SHOWN_PROBLEMS} more." if len(problems) > SHOWN_PROBLEMS else ""
        raise Invalid("Some payloads are invalid.", {"payloads": " ".join(problems[:SHOWN_PROBLEMS]) + more})
    return requests


handlers = [new_run, start]
