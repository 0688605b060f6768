"""The canary redrive: when the next step of a retry may go out. One task first, then ten, then a hundred, then more.

- It stops by itself when one of its tasks fails with the same error as before, be it one try of several.
- Another error does not stop it; only when nothing at all of a step got through does it wait for a person.
- A task that waits for a person has come past the error, so it is gone past; it can still stop the redrive later.
- Tasks of a paused run let it wait, too; it continues once they have ended.
- A person may let a waiting one go on, or stop it. What was passed over can still stop it.
"""

from datetime import datetime, timedelta

from holdgate.bulk import queries
from holdgate.bulk.models import BulkAction
from holdgate.bulk.queries import Watched
from holdgate.bulk.states import BulkMove, BulkState
from holdgate.core.db import WriteSession
from holdgate.tasks.states import FINISHED, HOLDS, TaskState

STEPS = (1, 10, 100, 500)  # the last one again and again
LOOK = timedelta(seconds=1)  # between two looks at how a step is doing


def size_of_step(step: int) -> int:
    return STEPS[min(step, len(STEPS) - 1)]


async def may_step(session: WriteSession, action: BulkAction, *, now: datetime | None = None) -> bool:
    """Whether the step before has ended well. If not, it is stopped, waits, or is looked at again a little later."""
    seen = await queries.watched(session, action.id)
    again = [one for one in seen if one.again]
    if again:
        reason = f"{_tasks(len(again))} failed again with the same error."
        await queries.move_action(session, action.id, BulkMove.STOP, reason=reason, now=now)
        return False
    step = [one for one in seen if one.watch == "step"]
    ended = [one for one in seen if one.state == "gone" or one.state in FINISHED]
    held = [one for one in step if one.state in HOLDS]
    open_ = [one for one in step if one not in ended and one not in held]
    if open_:
        await _wait(session, action, open_, now)
        return False
    failed = sum(one.state == TaskState.DEAD_LETTER for one in ended)
    if step and all(one.state == TaskState.DEAD_LETTER for one in step):
        if action.state == BulkState.RUNNING:
            reason = f"The whole batch failed with other errors ({_tasks(len(step))})."
            await queries.move_action(session, action.id, BulkMove.WAIT, reason=reason, now=now)
        else:
            await queries.postpone(session, action.id, queries.at(now) + LOOK)
        return False
    await queries.unwatch(session, action.id, [one.id for one in ended], failed)
    if held:
        await queries.pass_over(session, action.id)
    if action.state == BulkState.WAITING:
        await queries.move_action(session, action.id, BulkMove.CONTINUE, now=now)
    return True


async def _wait(session: WriteSession, action: BulkAction, open_: list[Watched], now: datetime | None) -> None:
    """Some of the step have not ended. When none of them can go on by itself, say so."""
    stuck = [one for one in open_ if one.state == TaskState.PAUSED]
    if len(stuck) == len(open_) and action.state == BulkState.RUNNING:
        paused = "is paused with its run" if len(stuck) == 1 else "are paused with their runs"
        reason = f"{_tasks(len(stuck))} of the last batch {paused}."
        await queries.move_action(session, action.id, BulkMove.WAIT, reason=reason, now=now)
    elif len(stuck) < len(open_) and action.state == BulkState.WAITING:
        await queries.move_action(session, action.id, BulkMove.CONTINUE, now=now)
    await queries.postpone(session, action.id, queries.at(now) + LOOK)


def _tasks(n: int) -> str:
    return "1 task" if n == 1 else f"{n} tasks"
