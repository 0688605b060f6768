"""Starting runs, adding tasks to them, and pausing, resuming and cancelling them at any size."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from holdgate.bulk import service as bulk
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.text.visible import is_blank
from holdgate.runs import lookup, queries
from holdgate.runs.errors import EmptyRun, RunNotFound, RunRefuses
from holdgate.runs.states import FOLLOW, RunState, RunVerb
from holdgate.tasks import service
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState

LONGEST_NAME = 200
CHUNK = 1000  # tasks moved in one transaction when their run changes
RUNS = 50  # brought along by one beat of the sweeper


async def start_run(
    session: WriteSession, by: Principal, name: str, requests: Sequence[TaskRequest], *, run_id: UUID | None = None
) -> UUID:
    """A new run with its tasks, in the caller's transaction. `run_id`: an id chosen before, by a form say.

    Raises:
        Invalid: no usable name. EmptyRun: no tasks. UnknownKind, PayloadMismatch: of any of the tasks.
    """
    name = _checked_name(name)
    if not requests:
        raise EmptyRun("A run needs at least one task. Choose what it should work on.")
    service.check_asked(requests)
    run_id = run_id or uuid7()
    await queries.insert_run(session, run_id, by.id, name)
    await service.enqueue_many(session, [_in_run(r, run_id, by) for r in requests])
    return run_id


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if is_blank(name) or len(name) > LONGEST_NAME:
        raise Invalid(f"A run needs a name of at most {LONGEST_NAME} characters.", {"name": "1 to 200 characters."})
    return name


async def rename(session: WriteSession, by: Principal, run_id: UUID, name: str) -> str:
    """Returns the name as it is kept. Raises RunNotFound, Invalid."""
    name = _checked_name(name)
    if not await queries.rename_run(session, run_id, by.scope, name):
        raise RunNotFound
    return name


async def add_tasks(session: WriteSession, by: Principal, run_id: UUID, requests: Sequence[TaskRequest]) -> list[UUID]:
    """More tasks for a run; into a paused one they come paused.

    Raises:
        RunNotFound, RunRefuses: it is cancelled.
    """
    run = await queries.lock_run(session, run_id, by.scope)
    if run is None:
        raise RunNotFound
    if run.state == RunState.CANCELLED or run.deleted_at:
        raise RunRefuses("add_to", "deleted" if run.deleted_at else run.state)
    service.check_asked(requests)
    state = TaskState.PAUSED if run.state == RunState.PAUSED else None
    return await service.enqueue_many(session, [_in_run(r, run_id, by) for r in requests], state=state)


def _in_run(request: TaskRequest, run_id: UUID, by: Principal) -> TaskRequest:
    return msgspec.structs.replace(request, run_id=run_id, owner_id=by.id)


async def act(session: WriteSession, by: Principal, run_id: UUID, verb: RunVerb) -> RunState:
    """Pause, resume or cancel. The first tasks follow at once, the sweeper brings along the rest of a large run.

    Raises:
        RunNotFound, RunRefuses
    """
    state = await queries.move_run(session, run_id, verb, by.scope)
    if state is None:
        run = await lookup.find_run(session, run_id, by.scope)
        if run is None:
            raise RunNotFound
        raise RunRefuses(verb, run.state)
    await follow(session, run_id, state)
    return state


async def retry_failed(session: WriteSession, by: Principal, run_id: UUID, *, canary: bool = False) -> UUID:
    """Run its open dead letters again, by a bulk action, whose id is returned.

    Raises:
        RunNotFound; RunRefuses: it is cancelled. NothingMatches: none has failed.
    """
    run = await lookup.find_run(session, run_id, by.scope)
    if run is None:
        raise RunNotFound
    if run.state == RunState.CANCELLED:
        raise RunRefuses("retry", run.state)
    failed = TaskFilter(run_id=run_id, states=(TaskState.DEAD_LETTER.value,))
    return await bulk.start_bulk(session, by, BulkVerb.RETRY, failed, canary=canary)


async def follow(session: WriteSession, run_id: UUID, state: RunState) -> int:
    """Move one chunk of the run's tasks to where its state wants them. Returns how many were moved."""
    moved = await tasks.move_tasks(
        session,
        FOLLOW[state],
        Task.run_id == run_id,
        reason={RunState.CANCELLED: "Its run was cancelled.", RunState.PAUSED: "Its run was paused."}.get(state),
        limit=CHUNK,
        skip_locked=True,
    )
    service.announce_ready(session, moved)
    return len(moved)


async def settle(session: WriteSession, *, now: datetime | None = None) -> bool:
    """The sweeper's beat: a chunk of the tasks that do not agree with their runs. True: there is more to do.

    However many runs there are, one beat moves about a chunk: all other beats wait for it.
    """
    moved = 0
    behind = await queries.runs_behind(session, limit=RUNS)
    for number, run_id in enumerate(behind, 1):
        # Not the state it had a moment ago: a run paused since would have its tasks let go again.
        state = await queries.lock_state(session, run_id)
        if state is not None:  # else somebody is changing it: the next beat
            moved += await follow(session, run_id, state)
        if moved >= CHUNK and number < len(behind):
            return True
    await queries.settle_runs(session, limit=CHUNK, now=now)
    return moved >= CHUNK or len(behind) == RUNS
