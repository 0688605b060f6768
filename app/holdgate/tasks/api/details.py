"""What programs read beside the list: dead letters by error, a task's steps and files, the whole list as a file."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from holdgate.api.bodies import read_query
from holdgate.api.endpoints import ANY, CSV, JSON, Endpoint, register
from holdgate.api.router import PATH
from holdgate.api.routes import get
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.text.masking import masked, masked_text
from holdgate.stats import counts as stats
from holdgate.tasks import artifacts, exports
from holdgate.tasks.api.tasks import asked_filter
from holdgate.tasks.failures.groups import FailureGroup, count_groups, list_groups
from holdgate.tasks.models import Artifact
from holdgate.tasks.pages.artifacts import file_of
from holdgate.tasks.pages.dead_letters import MOST_GROUPS
from holdgate.tasks.schemas import ExportQuery, Moment, TaskDetail
from holdgate.tasks.search import lists
from holdgate.tasks.states import RESOLVED, TaskState
from holdgate.web.downloads import download
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest

TAG = "Tasks"


class DeadLetterItem(msgspec.Struct, frozen=True, kw_only=True):
    """The open dead letters of one error, `n` of them. `sample_id` is the last that died."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    n: int
    first_at: Moment | None
    last_at: Moment | None
    sample_id: UUID


class DeadLetterList(msgspec.Struct, frozen=True):
    """The largest groups first, 200 at most; `more`: there are others. `open` and `resolved` count dead letters,
    `total` groups; null when they are more than 10,000."""

    items: list[DeadLetterItem]
    open: int
    resolved: int
    more: bool
    total: int | None


class StepItem(msgspec.Struct, frozen=True):
    """A finished step. Secrets in `result` are hidden."""

    name: str
    attempt: int
    finished_at: Moment
    result: Any


class StepList(msgspec.Struct, frozen=True):
    items: list[StepItem]


class ArtifactItem(msgspec.Struct, frozen=True, kw_only=True):
    """A file. `sha256` is in hexadecimal; `url` is where to download it."""

    id: UUID
    name: str
    content_type: str
    size: int
    sha256: str
    created_at: Moment
    url: str


class ArtifactList(msgspec.Struct, frozen=True):
    items: list[ArtifactItem]


@get("/dead-letters", scope=Scope.TASKS_READ, tag=TAG, summary="List errors of failed tasks")
async def list_dead_letters(user: Principal, read: ReadSession) -> DeadLetterList:
    """`GET /tasks?state=dead_letter&fingerprint=…` lists those of one error."""
    groups = await list_groups(read, user.scope, MOST_GROUPS + 1)
    counts = await stats.counts_by_state(read, user.scope)
    return DeadLetterList(
        [_group(each) for each in groups[:MOST_GROUPS]],
        counts.get(TaskState.DEAD_LETTER, 0),
        counts.get(RESOLVED, 0),
        len(groups) > MOST_GROUPS,
        await count_groups(read, user.scope),
    )


@get("/tasks/{task_id:uuid}/steps", scope=Scope.TASKS_READ, tag=TAG, summary="List the completed steps of a task")
async def list_steps(user: Principal, read: ReadSession, task_id: UUID) -> StepList:
    """Oldest first. What a handler passes over when it runs again."""
    await lists.find_task(read, task_id, user.scope)
    found = [
        StepItem(step.name, step.attempt, step.finished_at, masked(step.result))
        for step in await lists.steps_of(read, task_id)
    ]
    return StepList(found)


@get("/tasks/{task_id:uuid}/artifacts", scope=Scope.TASKS_READ, tag=TAG, summary="List the files of a task")
async def list_artifacts(user: Principal, read: ReadSession, task_id: UUID) -> ArtifactList:
    """Oldest first."""
    await lists.find_task(read, task_id, user.scope)
    found = [_artifact(each) for each in await artifacts.artifacts_of(read, task_id)]
    return ArtifactList(found)


@get(
    "/tasks/{task_id:uuid}/artifacts/{artifact_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Download a file",
    media=ANY,
)
async def get_artifact(
    request: WebRequest, user: Principal, read: ReadSession, task_id: UUID, artifact_id: UUID
) -> Stream:
    """With its content type, as an attachment; `ETag` is its SHA-256."""
    found = await artifacts.find_artifact(read, task_id, artifact_id, user.scope)
    return await file_of(request, found, shown=False)


def _export(ending: str, media: str, answer: Any) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    made = Endpoint(
        scope=Scope.TASKS_READ,
        summary=f"Export tasks as {ending.upper()}",
        tag=TAG,
        answers={200: answer},
        query=ExportQuery,
        media=media,
    )
    return register("GET", f"/tasks/export.{ending}", made)


@_export("csv", CSV, None)
async def export_csv(request: WebRequest, user: SignedIn) -> Stream:
    """All that match, newest first, however many; UTF-8, no cell is a formula."""
    return download(exports.as_csv(_chunks(request, user.scope)), "tasks.csv", CSV)


@_export("json", JSON, list[TaskDetail])
async def export_json(request: WebRequest, user: SignedIn) -> Stream:
    """All that match, newest first, however many, as one list; cut off, it is no JSON."""
    return download(exports.as_json(_chunks(request, user.scope)), "tasks.json", JSON)


def _chunks(request: WebRequest, scope: UUID | None) -> exports.Chunks:
    read_query(request, ExportQuery)
    return exports.chunks(request.app.state.database, scope, asked_filter(request))


def _group(group: FailureGroup) -> DeadLetterItem:
    kept = {name: getattr(group, name) for name in DeadLetterItem.__struct_fields__}
    return DeadLetterItem(**{**kept, "message": masked_text(group.message)})


def _artifact(row: Artifact) -> ArtifactItem:
    kept = {name: getattr(row, name) for name in ArtifactItem.__struct_fields__ if name != "url"}
    return ArtifactItem(**kept, url=f"{PATH}/tasks/{row.task_id}/artifacts/{row.id}")


handlers = [list_dead_letters, list_steps, list_artifacts, get_artifact, export_csv, export_json]
