"""Starting, stopping and continuing bulk actions, and carrying them out, a chunk at a time.

An action touches only what matched when it was confirmed (`bulk_tasks`) and still matches when its turn comes. A chunk,
what became of it and the action's progress are one transaction: whatever is killed, nothing is done twice or left out.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, true
from sqlalchemy.exc import DBAPIError

from holdgate.bulk import queries, redrive
from holdgate.bulk.errors import ActionEnded, ActionNotFound, CountTooSlow, NothingMatches, NotWaiting, Outgrown
from holdgate.bulk.models import BulkAction
from holdgate.bulk.states import OPEN, BulkMove, BulkVerb, standings_for
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.postgres.outages import is_away, sqlstate
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.core.text.verbs import past
from holdgate.tasks.models import Task
from holdgate.tasks.queue import marks
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.run_states import lock_runs_of
from holdgate.tasks.search.counts import tellable, totals
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import announce_ready
from holdgate.tasks.states import RESUMED_PRIORITY, TaskVerb

CHUNK = 500  # tasks moved in one transaction
COUNT_LIMIT = timedelta(seconds=5)  # how long counting for the confirmation may take
START_LIMIT = timedelta(seconds=25)  # how long noting the tasks may take
MOST_NOTE = 500  # characters
SYSTEM = "system"

logger = log.get(__name__)


class BulkCount(msgspec.Struct, frozen=True):
    """What an action would do: the filter with the states its verb can be used on, and how many match at `at`."""

    wanted: TaskFilter
    by_state: dict[str, int]
    at: datetime

    @property
    def total(self) -> int:
        return sum(self.by_state.values())


async def preview(session: Session, by: Principal, verb: BulkVerb, wanted: TaskFilter) -> BulkCount:
    """Count exactly what `start_bulk` would touch now.

    Raises:
        Invalid: the verb cannot be used on any of the filter's states. TooSlow
    """
    narrowed = _narrowed(verb, wanted)
    at = await queries.database_time(session)
    if tellable(narrowed) and (by.scope is None or narrowed.run_id is None):  # a run's counts do not ask whose it is
        counts = await totals(session, by.scope, narrowed)
        return BulkCount(narrowed, {state: counts[state] for state in narrowed.states if counts.get(state)}, at)
    try:
        async with session.begin_nested():
            await queries.time_limit(session, COUNT_LIMIT)
            by_state = await queries.count_by_state(session, narrowed.where() & _owned(by.scope))
    except DBAPIError as error:
        raise _too_slow(error) from error
    await queries.time_limit(session, timedelta())
    return BulkCount(narrowed, by_state, at)


async def start_bulk(
    session: WriteSession,
    by: Principal,
    verb: BulkVerb,
    wanted: TaskFilter,
    *,
    priority: int | None = None,
    note: str = "",
    canary: bool = False,
    expected: int | None = None,
    at: datetime | None = None,
) -> UUID:
    """Begin an action on every task of `by` that matches now, and on no other. Returns its id; the sweeper does it.

    Args:
        priority: for PRIORITISE, from 0 to 1000.
        note: why, for RESOLVE; kept with the tasks.
        canary: for RETRY: one first, then in steps, each after the step before has ended (bulk/redrive.py).
        expected: how many a person has confirmed; more than that are refused.
        at: when they were counted: what was created or ended later is left out.

    Raises:
        Invalid: the verb does not go with the filter or its arguments. NothingMatches, Outgrown, TooSlow
    """
    _check(verb, priority, note, canary, at)
    started = await queries.database_time(session)
    narrowed = _narrowed(verb, wanted).fixed(at or started)
    action = BulkAction(
        id=uuid7(),
        owner_id=by.id,
        actor=by.actor,
        scope=by.scope,
        verb=verb.value,
        filter=msgspec.to_builtins(narrowed),
        priority=priority,
        note=note,
        canary=canary,
        total=0,
    )
    await queries.insert_action(session, action)
    which = narrowed.where() & _owned(by.scope)
    try:
        await queries.time_limit(session, START_LIMIT)
        action.total = await queries.insert_members(session, action.id, which, at or started)
    except DBAPIError as error:
        raise _too_slow(error) from error
    await queries.time_limit(session, timedelta())
    if action.total == 0:
        raise NothingMatches
    if expected is not None and action.total > expected:
        raise Outgrown(expected, action.total)
    await session.flush()
    return action.id


async def carry_out(session: WriteSession, by: Principal, action_id: UUID) -> BulkAction:
    """The first chunk of an action that this transaction has begun: what a person has selected on a page is done when
    the answer comes. Whatever is beyond it is the sweeper's, as ever."""
    action = await queries.find_action(session, action_id, by.scope)
    if action is None:
        raise ActionNotFound
    await session.refresh(action)
    await _step(session, action, now=None)
    await session.refresh(action)
    return action


async def stop(session: WriteSession, by: Principal, action_id: UUID) -> None:
    """End it; what is done stays done. Raises ActionNotFound, ActionEnded."""
    if not await queries.move_action(
        session, action_id, BulkMove.STOP, scope=by.scope, reason=f"Stopped by {by.email}."
    ):
        await _refuse(session, by, action_id)


async def go_on(session: WriteSession, by: Principal, action_id: UUID) -> None:
    """Let a redrive that waits take its next step. Raises ActionNotFound, ActionEnded."""
    action = await queries.find_action(session, action_id, by.scope)
    if action is None:
        raise ActionNotFound
    if await queries.move_action(session, action_id, BulkMove.CONTINUE, scope=by.scope):
        await queries.pass_over(session, action_id)
    else:
        await _refuse(session, by, action_id)


async def _refuse(session: WriteSession, by: Principal, action_id: UUID) -> None:
    action = await queries.find_action(session, action_id, by.scope)
    if action is None:
        raise ActionNotFound
    await session.refresh(action)
    raise NotWaiting if action.state in OPEN else ActionEnded(action.state)


async def advance(session: WriteSession, *, now: datetime | None = None) -> bool:
    """The sweeper's beat: one chunk of the action that has waited longest. True: there may be more to do at once."""
    action = await queries.next_due(session, now=now)
    if action is None:
        return False
    try:
        async with session.begin_nested():
            if not action.canary or await redrive.may_step(session, action, now=now):
                await _step(session, action, now=now)
    except DBAPIError as error:
        if is_away(error) or sqlstate(error) in ("40001", "40P01"):
            raise
        # It would fail again and again, and the others would wait behind it.
        logger.error("bulk_failed", action=str(action.id), error=repr(error.orig))
        await queries.move_action(session, action.id, BulkMove.STOP, reason="The database refused it.", now=now)
    return True


async def _step(session: WriteSession, action: BulkAction, *, now: datetime | None) -> None:
    size = redrive.size_of_step(action.step) if action.canary else CHUNK
    chunk = await queries.next_members(session, action, size)
    if chunk:
        # What happens to the tasks is the person's doing; the log names them.
        await queries.act_as(session, action.actor)
        done = await _apply(session, action, chunk, now=now)
        await queries.act_as(session, SYSTEM)
        due = queries.at(now) + (redrive.LOOK if action.canary and done else timedelta())
        await queries.note_chunk(session, action, chunk, done, due)
    # A redrive ends when its last step has.
    if len(chunk) < size and not (action.canary and chunk):
        await queries.move_action(session, action.id, BulkMove.FINISH, now=now)


async def _apply(session: WriteSession, action: BulkAction, chunk: list[UUID], *, now: datetime | None) -> list[UUID]:
    """Do it to those of the chunk that still match. Returns them."""
    verb = BulkVerb(action.verb)
    wanted = msgspec.convert(action.filter, TaskFilter)
    which = Task.id.in_(chunk) & wanted.where() & _owned(action.scope)
    reason = f"Bulk action {action.id}"
    if verb is BulkVerb.PRIORITISE:
        return await marks.set_priority(session, which, action.priority or 0, reason=reason, now=now)
    if verb is BulkVerb.RESOLVE:
        return await marks.resolve_tasks(session, which, action.actor, action.note, now=now)
    priority = RESUMED_PRIORITY if verb is BulkVerb.RESUME else None
    runs = await lock_runs_of(session, chunk)
    if verb is not BulkVerb.CANCEL and runs.cancelled:
        which &= Task.id.not_in(runs.cancelled)
    moved = await tasks.move_tasks(session, TaskVerb(verb), which, reason=reason, priority=priority, now=now)
    announce_ready(session, moved)
    return [row.id for row in moved]


def _owned(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Task.owner_id == scope


def _narrowed(verb: BulkVerb, wanted: TaskFilter) -> TaskFilter:
    states = standings_for(verb, wanted.states, bool(wanted.ids))
    if not states:
        asked = " or ".join(state.replace("_", " ") for state in wanted.states)
        raise Invalid(f"Tasks can’t be {past(verb)} while {asked}.")
    return msgspec.structs.replace(wanted, states=states)


def _check(verb: BulkVerb, priority: int | None, note: str, canary: bool, at: datetime | None) -> None:
    if at is not None and (at.tzinfo is None or not 1970 <= at.year <= 2999):
        raise Invalid("Take the time of counting as the preview gave it.", {"at": "Take it as the preview gave it."})
    if (verb is BulkVerb.PRIORITISE) != (priority is not None):
        raise Invalid("Say which priority, from 0 to 1000.", {"priority": "From 0 to 1000."})
    if priority is not None and not 0 <= priority <= 1000:
        raise Invalid("The priority must be from 0 to 1000.", {"priority": "From 0 to 1000."})
    if len(note) > MOST_NOTE or "\0" in note:
        sentence = f"At most {MOST_NOTE} characters."
        raise Invalid(sentence, {"note": sentence})
    if canary and verb is not BulkVerb.RETRY:
        raise Invalid("Only a retry can go in steps.")


def _too_slow(error: DBAPIError) -> Exception:
    """A statement that ran into its time limit is the person's to mend; anything else stays what it is."""
    return CountTooSlow() if sqlstate(error) == "57014" else error
