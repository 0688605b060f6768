"""The page of one task with the buttons on it, and that of the workers."""

import asyncio
import json
import shlex
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from holdgate.core.config import Settings
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.text.masking import masked
from holdgate.tasks import service
from holdgate.tasks.artifacts import artifacts_of
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Artifact, AttemptLines, Task, TaskStep
from holdgate.tasks.pages.spans import Span, spans_of
from holdgate.tasks.payloads.artifact import PICTURES
from holdgate.tasks.queue.attempt_lines import lines_of
from holdgate.tasks.schemas import detail
from holdgate.tasks.search import lists
from holdgate.tasks.states import BUTTONS, HOLDS, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb
from holdgate.tasks.timeline import MOST, Story, story_of
from holdgate.web.filters import EXCERPT, json_plain
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import Level, render, see_other

COPIED = 16 * 1024  # characters that a button of the page copies; what is longer is downloaded


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `buttons`: the verbs its state allows; `holds`: it waits for a person; `live`: it may still change;
    `edits`: it can be retried with another payload; `next_alike`: another open dead letter of the same error. With each
    of the `steps` is its result, and whether there is room for it on the page. `spans`: where its time went;
    `starts_now`: it waits for a time that a person may cut short; `again`: another one like it can be made, by a button
    or by `curl`. `copied`: the payload for the clipboard. These two are empty when they are too long for a page.
    `logs`: what its attempts logged, the newest first.
    """

    task: Task
    payload: Any
    result: Any
    error: Any
    reason: str
    story: Story
    steps: list[tuple[TaskStep, Any, bool]]
    edits: bool
    next_alike: UUID | None
    shown: frozenset[str]
    artifacts: list[Artifact]
    buttons: list[str]
    holds: bool
    live: bool
    spans: list[Span]
    starts_now: bool
    again: bool
    copied: str
    curl: str
    logs: list[AttemptLines]


@get("/tasks/{task_id:uuid}")
async def show_task(request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[str]:
    task = await lists.find_task(read, task_id, user.scope)
    state = TaskState(task.state)
    steps = await lists.steps_of(read, task_id)
    events = await lists.events_of(read, task_id, MOST + 1)
    waits = state in (TaskState.SCHEDULED, TaskState.RETRYING)
    payload = masked(task.payload)
    # An attempt's that was made up for is in the timeline.
    error = None if state is TaskState.SUCCEEDED else masked(task.error)
    view = TaskView(
        task=task,
        payload=payload,
        result=masked(task.result),
        error=error,
        reason=_beside(task.because, error),
        story=await story_of(read, task, events, steps, user),
        steps=_within_reach(steps),
        edits=TASK_MACHINE.allows(TaskVerb.RETRY, state) and not _internal(task.kind),
        next_alike=await lists.next_of_error(read, user.scope, task) if state is TaskState.DEAD_LETTER else None,
        shown=PICTURES,
        artifacts=await artifacts_of(read, task_id),
        buttons=[verb.value for verb in BUTTONS if TASK_MACHINE.allows(verb, state)],
        holds=state in HOLDS,
        live=state in UNFINISHED,
        # Of what has ended no time goes on.
        spans=spans_of(events, task.finished_at if task.finished_at else await lists.time_now(read)),
        starts_now=waits and not await lists.undoable(read, task_id),
        again=not _internal(task.kind),
        copied=_short(json_plain(payload)),
        curl=_short(_curl(request, task, payload)),
        logs=await lines_of(read, task_id),
    )
    return await render(request, "tasks/detail.html", view, nav="tasks", fragment="tasks/_detail.html")


def _beside(reason: str, error: Any) -> str:
    """The reason, unless it says again what the error does."""
    said = " ".join(str((error or {}).get("message", "")).split())[:100]
    return "" if said and said in reason else reason


def _curl(request: WebRequest, task: Task, payload: Any) -> str:
    """The request that makes another one like it. Secrets have to be filled in."""
    settings: Settings = request.app.state.settings
    body = json.dumps({"kind": task.kind, "payload": payload, "title": task.title, "queue": task.queue})
    return (
        f"curl {settings.base_url}/api/v1/tasks -H 'Authorization: Bearer YOUR_TOKEN' "
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )


def _short(text: str) -> str:
    return text if len(text) <= COPIED else ""


def _within_reach(steps: list[TaskStep]) -> list[tuple[TaskStep, Any, bool]]:
    """The results of steps, those that come after the first 64 kB left out."""
    found: list[tuple[TaskStep, Any, bool]] = []
    length = 0
    for step in steps:
        room = length < EXCERPT
        result = masked(step.result) if room else None
        length += len(msgspec.json.encode(result))
        found.append((step, result, room))
    return found


@get("/tasks/{task_id:uuid}/task.json")
async def download_task(user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[bytes]:
    """All of what the page shows the beginning of."""
    task = await lists.find_task(read, task_id, user.scope)
    steps = await lists.steps_of(read, task_id)
    # Beside the event loop: some megabytes may be masked and written.
    body = await asyncio.to_thread(whole_task, task, steps)
    headers = {"Content-Disposition": f'attachment; filename="task-{task_id}.json"', "Cache-Control": "no-store"}
    return Response(body, media_type="application/json", headers=headers)


def whole_task(task: Task, steps: list[TaskStep]) -> bytes:
    """As the API tells it, with the results of its steps."""
    results = [{"name": step.name, "attempt": step.attempt, "result": masked(step.result)} for step in steps]
    return msgspec.json.format(msgspec.json.encode({"task": detail(task), "steps": results}), indent=2)


def _internal(kind: str) -> bool:
    """Also one that no longer exists: without its schema nothing can be checked."""
    return all(each.name != kind or each.internal for each in all_kinds())


# Not "done": when the page is shown, the new attempt may have failed already.
SHOWS = "Updates appear here."
SAID = {
    TaskVerb.RETRY: f"Task requeued. {SHOWS}",
    TaskVerb.RESUME: f"Task requeued with high priority. {SHOWS}",
    TaskVerb.CANCEL: "Task cancelled.",
}


@post("/tasks/{task_id:uuid}/{verb:str}")
async def act_on_task(
    request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID], verb: FromPath[str]
) -> Response[Any]:
    if verb not in BUTTONS:
        raise NotFound(f"Unknown action: {verb!r}.")
    chosen = TaskVerb(verb)
    await service.act(write, user, task_id, chosen)
    level: Level = "success" if chosen is TaskVerb.CANCEL else "info"
    return see_other(request, f"/tasks/{task_id}", SAID[chosen], level=level)


class ResolutionForm(msgspec.Struct, frozen=True):
    note: Annotated[str, msgspec.Meta(max_length=service.MOST_NOTE)] = ""


@post("/tasks/{task_id:uuid}/resolve")
async def resolve_task(request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID]) -> Response[Any]:
    form = await read_form(request, ResolutionForm)
    if form.data is None:
        raise Invalid(form.errors["note"], dict(form.errors))
    await service.resolve(write, user, task_id, form.data.note)
    return see_other(request, f"/tasks/{task_id}", "Marked resolved. It can still be found and retried.")


handlers = [show_task, download_task, act_on_task, resolve_task]
