"""What one does with tasks: enqueue them in the caller's transaction, and the verbs a person may use."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, true

from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.tasks.errors import IllegalMove, TaskNotFound
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.models import Task
from holdgate.tasks.payloads.secrets import changes_between, refuse_masks
from holdgate.tasks.queue import marks, moves, steps
from holdgate.tasks.queue.enqueueing import insert
from holdgate.tasks.queue.run_states import lock_runs_of
from holdgate.tasks.requests import CheckedTask, check_request, plain_payload
from holdgate.tasks.requests import TaskRequest as TaskRequest
from holdgate.tasks.search import lists
from holdgate.tasks.states import BUTTONS, RESUMED_PRIORITY, TASK_MACHINE, TaskState, TaskVerb

NAMED = 100  # of the tasks that do not fit
MOST_NOTE = 500  # characters
AGAIN_OR_NOT = (
    "Some steps have finished with the payload as it was. Say whether they run again (`again`: true) or keep "
    "their results (false)."
)
TIMED = (TaskState.SCHEDULED, TaskState.RETRYING)
RUN_CANCELLED = "Its run was cancelled or deleted, so this task stays ended. Start a new run for it."


async def enqueue(session: WriteSession, request: TaskRequest, *, state: TaskState | None = None) -> UUID:
    """Enqueue one task; see `enqueue_many`."""
    return (await enqueue_many(session, [request], state=state))[0]


async def enqueue_many(
    session: WriteSession, requests: Sequence[TaskRequest], *, state: TaskState | None = None
) -> list[UUID]:
    """Enqueue tasks in a transaction of ours: they exist if and only if it commits. Workers are told after that.

    Args:
        state: in which they begin: paused, in a paused run; pending_approval, with the request that they hold on.

    Raises:
        UnknownKind, PayloadMismatch, Invalid: before anything is written.
    """
    return await insert(session, [checked(request) for request in requests], state=state)


async def submit(session: WriteSession, by: Principal, request: TaskRequest) -> UUID:
    """A task that a person asks for by its kind's name; it becomes theirs. Raises as `enqueue_many` does."""
    refuse_unfit(request)
    return await enqueue(session, msgspec.structs.replace(request, owner_id=by.id))


async def submit_many(session: WriteSession, by: Principal, requests: Sequence[TaskRequest]) -> list[UUID]:
    """As `submit`, all of them or none. Raises as `check_asked` does."""
    check_asked(requests)
    return await enqueue_many(session, [msgspec.structs.replace(request, owner_id=by.id) for request in requests])


def check_asked(requests: Sequence[TaskRequest]) -> None:
    """Whether a person may have these tasks, each looked at.

    Raises:
        Invalid: `fields` says of the first 100 that do not fit what is wrong, as `tasks[3].kind`.
    """
    found: dict[str, str] = {}
    wrong = 0
    for number, request in enumerate(requests):
        try:
            refuse_unfit(request)
            checked(request)
        except Invalid as problem:
            wrong += 1
            if wrong <= NAMED:
                fields = problem.fields or {"": str(problem)}
                found |= {f"tasks[{number}].{name}".rstrip("."): sentence for name, sentence in fields.items()}
    if wrong:
        raise Invalid(f"{wrong:,} of {len(requests):,} tasks are invalid. None was created.", found)


def check_one(request: TaskRequest) -> None:
    """Whether a person may ask for this task; writes nothing. Raises as `submit` does."""
    refuse_unfit(request)
    checked(request)


def check(request: TaskRequest) -> None:
    """Whether the task could be enqueued; writes nothing. Raises as `enqueue_many` does."""
    checked(request)


def refuse_unfit(request: TaskRequest) -> None:
    """Raises Invalid for what nobody may ask for: an internal kind, and a payload that has the mask of a secret for a
    value; UnknownKind."""
    if find_kind(request.kind).internal:
        sentence = f"Tasks of kind {request.kind} are made by Holdgate itself. Choose another kind."
        raise Invalid(sentence, {"kind": sentence})
    refuse_masks(request.payload)


def checked(request: TaskRequest) -> CheckedTask:
    """As a row, for who has more to write with it. Raises as `enqueue_many` does."""
    return check_request(find_kind(request.kind), request)


async def act(session: WriteSession, by: Principal, task_id: UUID, verb: TaskVerb) -> TaskState:
    """A person's retry, resume or cancel of one task. Returns its new state.

    Raises:
        TaskNotFound: no such task, or somebody else's.
        IllegalMove: its state does not allow it.
    """
    if verb not in BUTTONS:
        raise Invalid(f"Unknown action: {verb}.")
    priority = RESUMED_PRIORITY if verb is TaskVerb.RESUME else None
    mine = true() if by.scope is None else Task.owner_id == by.scope
    if verb in (TaskVerb.RETRY, TaskVerb.RESUME):
        await _state_of(session, by, task_id)  # before its run is locked
        if (await lock_runs_of(session, [task_id])).cancelled:
            raise Conflict(RUN_CANCELLED)
    moved = await moves.move_tasks(session, verb, (Task.id == task_id) & mine, priority=priority)
    if not moved:
        raise IllegalMove(verb, await _state_of(session, by, task_id))
    announce_ready(session, moved)
    return TaskState(moved[0].state)


async def run_now(session: WriteSession, by: Principal, task_id: UUID) -> None:
    """Let a task that waits for a time start at once. While an approval can still be undone nobody shortens that.

    Raises:
        TaskNotFound, IllegalMove
    """
    waited = await _state_of(session, by, task_id) in TIMED
    task = await moves.lock_task(session, task_id)
    if task is None:
        raise TaskNotFound
    state = TaskState(task.state)
    if waited and state in (TaskState.QUEUED, TaskState.RUNNING):  # the sweeper was quicker: it starts
        return
    if state not in TIMED or await lists.undoable(session, task_id):
        raise IllegalMove("start", state)
    announce_ready(session, await moves.move_tasks(session, TaskVerb.PROMOTE, Task.id == task_id))


async def run_again(session: WriteSession, by: Principal, task_id: UUID) -> UUID:
    """A new task like this one, in the name of the one who asks; of no run. Its id.

    Raises:
        TaskNotFound, Invalid: a kind that nobody may ask for.
    """
    task = await _known(session, by, task_id)
    request = TaskRequest(
        kind=task.kind,
        payload=task.payload,
        title=task.title,
        priority=task.priority,
        queue=task.queue,
        max_attempts=task.max_attempts,
    )
    return await submit(session, by, request)


async def retry_edited(
    session: WriteSession, by: Principal, task_id: UUID, payload: dict[str, Any], *, again: bool | None = None
) -> TaskState:
    """Retry a dead letter or a cancelled task with another payload. The log says what was changed, secrets hidden.
    Approvals given for another payload count no longer. Returns its new state.

    Args:
        payload: whole, as a worker gets it.
        again: True forgets the results of its finished steps, so that all of them run with the new payload; False keeps
            them, made from the old one, so that nothing is done twice. Which of the two is right only a person knows:
            None is refused when there are some and the payload differs.

    Raises:
        TaskNotFound, IllegalMove, Conflict, PayloadMismatch, Invalid
    """
    await _state_of(session, by, task_id)  # before anything is locked
    runs = await lock_runs_of(session, [task_id])
    task = await moves.lock_task(session, task_id)
    if task is None:
        raise TaskNotFound
    if not TASK_MACHINE.allows(TaskVerb.RETRY, TaskState(task.state)):
        raise IllegalMove(TaskVerb.RETRY, TaskState(task.state))
    if runs.cancelled:
        raise Conflict(RUN_CANCELLED)
    if find_kind(task.kind).internal:
        raise Conflict(f"The payload of {task.kind} is made by Holdgate itself. Retry it as it is.")
    refuse_masks(payload)
    plain = plain_payload(find_kind(task.kind), payload)
    if again is None and plain != task.payload and await steps.has_steps(session, task_id):
        raise Invalid(AGAIN_OR_NOT, {"again": AGAIN_OR_NOT})
    if again:
        await steps.forget_steps(session, task_id)
    await moves.tell_changes(session, changes_between(task.payload, plain))
    reason = "Its completed steps run again." if again else None
    moved = await moves.move_tasks(session, TaskVerb.RETRY, Task.id == task_id, payload=plain, reason=reason)
    await moves.tell_changes(session, None)
    announce_ready(session, moved)
    return TaskState(moved[0].state)


async def prioritise(session: WriteSession, by: Principal, task_id: UUID, priority: int) -> None:
    """Let an unfinished task come earlier or later, from 0 to 1000. Raises TaskNotFound, Conflict."""
    mine = true() if by.scope is None else Task.owner_id == by.scope
    if not await marks.set_priority(session, (Task.id == task_id) & mine, priority):
        await _known(session, by, task_id)
        raise Conflict("This task has ended, so its priority does not matter any more.")


async def resolve(session: WriteSession, by: Principal, task_id: UUID, note: str) -> None:
    """Mark a dead letter as dealt with. Raises TaskNotFound, Conflict, Invalid."""
    if len(note) > MOST_NOTE or "\0" in note:
        sentence = f"At most {MOST_NOTE} characters."
        raise Invalid(sentence, {"note": sentence})
    mine = true() if by.scope is None else Task.owner_id == by.scope
    if not await marks.resolve_tasks(session, (Task.id == task_id) & mine, by.actor, note):
        await _known(session, by, task_id)
        raise Conflict("Only failed tasks that are still open can be marked resolved.")


async def _state_of(session: WriteSession, by: Principal, task_id: UUID) -> TaskState:
    """As it is now, without a lock. Raises TaskNotFound, also for somebody else's."""
    mine = true() if by.scope is None else Task.owner_id == by.scope
    state = await session.scalar(select(Task.state).where(Task.id == task_id, mine))
    if state is None:
        raise TaskNotFound
    return TaskState(state)


async def _known(session: WriteSession, by: Principal, task_id: UUID) -> Task:
    """Raises TaskNotFound, also for somebody else's."""
    task = await session.get(Task, task_id)
    if task is None or (by.scope is not None and task.owner_id != by.scope):
        raise TaskNotFound
    return task


def announce_ready(session: WriteSession, moved: list[moves.MovedTask]) -> None:
    """Ring the doorbell, after the commit, for tasks that became ready."""
    for queue in {row.queue for row in moved if row.state == TaskState.QUEUED}:
        session.announce(f"queue:{queue}")
