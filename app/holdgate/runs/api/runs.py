"""Runs for programs: starting, reading, adding tasks, and the verbs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Response

from holdgate.api.exports import export_routes
from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.bulk.api import started
from holdgate.bulk.schemas import BulkStarted
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.runs import exports, lookup, queries, retention, service, time_queries
from holdgate.runs.api.schemas import (
    CreatedRun,
    NewRun,
    RetryFailed,
    RunDeleted,
    RunEventItem,
    RunEventList,
    RunExportQuery,
    RunItem,
    RunMoved,
    RunName,
    RunPage,
    RunQuery,
    RunTimes,
    StageTime,
    run_item,
)
from holdgate.runs.errors import RunNotFound
from holdgate.runs.models import Run
from holdgate.runs.progress import Progress
from holdgate.runs.reads import progress_of_each
from holdgate.runs.states import RunVerb
from holdgate.stats import counts as stats
from holdgate.tasks.schemas import NEW_TASK, Bulk, CreatedTasks, NewTask, wanted
from holdgate.tasks.service import TaskRequest
from holdgate.web.http.request import WebRequest

TAG = "Runs"


@get("/runs", scope=Scope.TASKS_READ, tag=TAG, summary="List runs")
async def list_runs(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[RunQuery]
) -> Response[RunPage]:
    """Newest first, each with how many of its tasks are in which state, and when it is likely done."""
    runs = await queries.list_runs(read, user.scope, position(wanted), wanted.limit + 1)
    found = await _standing(read, runs)
    total = await queries.count_runs(read, user.scope)
    return page(request, RunPage, found, wanted, run_item, lambda each: Cursor(each.run.created_at, each.run.id), total)


@get("/runs/{run_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a run")
async def get_run(user: Principal, read: ReadSession, run_id: UUID) -> RunItem:
    [found] = await _standing(read, [await _find(read, user, run_id)])
    return run_item(found)


async def _standing(session: ReadSession, runs: Sequence[Run]) -> list[Progress]:
    return await progress_of_each(session, runs, await stats.counts_by_run(session, [run.id for run in runs]))


async def _find(session: ReadSession, user: Principal, run_id: UUID) -> Run:
    run = await lookup.find_run(session, run_id, user.scope)
    if run is None:
        raise RunNotFound
    return run


@post(
    "/runs",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Start a run",
    example={"name": "Monday", "tasks": [NEW_TASK]},
    problems=(409,),
)
async def start_run(session: WriteSession, by: Principal, sent: NewRun) -> MutationReply[CreatedRun]:
    """With its first tasks, up to 10,000, all of them or none."""
    tasks = _without_run(sent.tasks)
    run_id = await service.start_run(session, by, sent.name, tasks)
    url = f"{PATH}/runs/{run_id}"
    return MutationReply(CreatedRun(run_id, url, len(tasks)), 201, url)


@post(
    "/runs/{run_id:uuid}/rename", scope=Scope.TASKS_WRITE, tag=TAG, summary="Rename a run", example={"name": "Tuesday"}
)
async def rename_run(session: WriteSession, by: Principal, sent: RunName, run_id: UUID) -> RunName:
    """From 1 to 200 characters; spaces around are left out."""
    return RunName(await service.rename(session, by, run_id, sent.name))


@post(
    "/runs/{run_id:uuid}/delete",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Delete a run",
    problems=(409,),
)
async def delete_run(session: WriteSession, by: Principal, run_id: UUID) -> RunDeleted:
    """Its tasks must have ended. They are deleted soon after it, but for those on which people have decided."""
    await retention.delete_run(session, by, run_id)
    return RunDeleted(run_id)


@post(
    "/runs/{run_id:uuid}/tasks",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Add tasks to a run",
    problems=(409,),
    example={"tasks": [NEW_TASK]},
)
async def add_tasks(session: WriteSession, by: Principal, sent: Bulk, run_id: UUID) -> MutationReply[CreatedTasks]:
    """Into a paused run they come paused."""
    tasks = _without_run(sent.tasks)
    return MutationReply(CreatedTasks(await service.add_tasks(session, by, run_id, tasks)))


def _without_run(tasks: list[NewTask]) -> list[TaskRequest]:
    odd = {f"tasks[{n}].run_id": "The address names the run." for n, task in enumerate(tasks) if task.run_id}
    if odd:
        raise Invalid("These tasks belong to this run, so they name none.", dict(list(odd.items())[:100]))
    return [wanted(task) for task in tasks]


@get("/runs/{run_id:uuid}/times", scope=Scope.TASKS_READ, tag=TAG, summary="Read where a run's time goes")
async def get_run_times(user: Principal, read: ReadSession, run_id: UUID) -> RunTimes:
    """Exact at this moment, over all its tasks."""
    run = await _find(read, user, run_id)
    times = (await time_queries.times_of(read, [run_id]))[run_id]
    return RunTimes(
        id=run.id,
        created_at=run.created_at,
        finished_at=run.finished_at,
        stages={stage.value: StageTime(spent.n, spent.seconds) for stage, spent in times.items()},
    )


@get("/runs/{run_id:uuid}/events", scope=Scope.TASKS_READ, tag=TAG, summary="Read what has happened to a run")
async def get_run_events(user: Principal, read: ReadSession, run_id: UUID) -> RunEventList:
    """The newest 100 changes, oldest first; of its tasks each has events of its own."""
    await _find(read, user, run_id)
    events = reversed(await queries.events_of(read, run_id))
    items = [RunEventItem(id=each.id, at=each.at, verb=each.verb, actor=each.actor) for each in events]
    return RunEventList(items)


@post(
    "/runs/{run_id:uuid}/retry-failed",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Re-run a run's failed tasks",
    example={"canary": True},
    problems=(409,),
)
async def retry_failed_tasks(
    session: WriteSession, by: Principal, wanted: RetryFailed, run_id: UUID
) -> MutationReply[BulkStarted]:
    """Its open dead letters, by a bulk action. 422 when there is none."""
    return await started(session, await service.retry_failed(session, by, run_id, canary=wanted.canary))


def _verb(verb: RunVerb, summary: str) -> Any:
    @post(
        f"/runs/{{run_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        problems=(409,),
        name=f"{verb.value}_run",
    )
    async def act(session: WriteSession, by: Principal, run_id: UUID) -> RunMoved:
        return RunMoved(run_id, await service.act(session, by, run_id, verb))

    return act


handlers = [
    list_runs,
    get_run,
    start_run,
    rename_run,
    delete_run,
    add_tasks,
    get_run_times,
    get_run_events,
    retry_failed_tasks,
    _verb(RunVerb.PAUSE, "Pause a run"),
    _verb(RunVerb.RESUME, "Resume a paused run"),
    _verb(RunVerb.CANCEL, "Cancel a run and its tasks"),
    *export_routes(
        "runs",
        exports.COLUMNS,
        lambda database, by, _: exports.rows(database, by),
        query=RunExportQuery,
        scope=Scope.TASKS_READ,
        tag=TAG,
        order="newest first",
    ),
]
