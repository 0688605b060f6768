"""What people do with schedules, and the beat that enqueues what is due."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.exc import DBAPIError

from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.postgres.outages import is_away, sqlstate
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.schedules import queries
from holdgate.schedules.cron import parse
from holdgate.schedules.errors import OwnerDisabled, ScheduleNotFound
from holdgate.schedules.models import Schedule
from holdgate.schedules.plan import SchedulePlan, checked
from holdgate.tasks import service as tasks
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.payloads.secrets import with_secrets
from holdgate.tasks.service import TaskRequest

MISSED_AFTER = timedelta(minutes=5)  # so late, a beat counts as missed
TRY_AGAIN = timedelta(minutes=1)  # a beat that could not be enqueued
LATE = timedelta(seconds=30)  # shown as overdue: no worker sweeps, or none knows its kind
SUBJECT = "schedule:"  # what its tasks are about, so that they know where they come from

logger = log.get(__name__)


class ScheduleVerb(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"
    DELETE = "delete"


async def create(session: WriteSession, by: Principal, plan: SchedulePlan, *, now: datetime | None = None) -> UUID:
    """A new schedule of `by`; its first beat is the next after now.

    Raises:
        Invalid: also for an unknown kind and a payload that does not fit it.
    """
    plan, schedule_id = _fit(plan), uuid7()
    first = parse(plan.cron, plan.zone).next(await queries.time_of(session, now))
    values = {**msgspec.structs.asdict(plan), "next_at": first, "token_id": by.token_id}
    await queries.insert_schedule(session, schedule_id, by.id, values)
    return schedule_id


async def edit(
    session: WriteSession, by: Principal, schedule_id: UUID, plan: SchedulePlan, *, now: datetime | None = None
) -> None:
    """Raises ScheduleNotFound, and Invalid as `create` does. Another rhythm begins anew with its next run.

    Secrets of the payload that were left hidden, as they are shown, stay what they were.
    """
    schedule = await _locked(session, by, schedule_id)
    # A secret was given to one kind: another might show it.
    old = schedule.payload if plan.kind == schedule.kind else {}
    plan = _fit(msgspec.structs.replace(plan, payload=with_secrets(plan.payload, old)))
    fresh = {"problem": None, "retry_at": None, "token_id": by.token_id}
    values: dict[str, Any] = {**msgspec.structs.asdict(plan), **fresh}
    if (plan.cron, plan.zone) != (schedule.cron, schedule.zone):
        values["next_at"] = parse(plan.cron, plan.zone).next(await queries.time_of(session, now))
    await queries.update_schedule(session, schedule_id, values)


async def act(
    session: WriteSession, by: Principal, schedule_id: UUID, verb: ScheduleVerb, *, now: datetime | None = None
) -> UUID | None:
    """Pause, resume, run now or delete. Returns the task that `run` enqueues; it moves no beat.

    What comes while a schedule is paused is not missed: it goes on with the next beat after it is resumed.

    Raises:
        ScheduleNotFound. Invalid: its kind or payload does not fit any more.
        OwnerDisabled: it starts nothing until its owner is enabled, and then goes on by itself.
    """
    schedule = await _locked(session, by, schedule_id)
    if verb in (ScheduleVerb.RUN, ScheduleVerb.RESUME) and await queries.is_owner_disabled(session, schedule_id):
        raise OwnerDisabled
    if verb is ScheduleVerb.DELETE:
        await queries.delete_schedule(session, schedule_id)
    elif verb is ScheduleVerb.RUN:
        task_id = await tasks.enqueue(session, _request(schedule))
        await queries.update_schedule(session, schedule_id, {"asked_at": queries.at(now), "last_task_id": task_id})
        return task_id
    elif verb is ScheduleVerb.PAUSE and schedule.paused_at is None:
        await queries.update_schedule(session, schedule_id, {"paused_at": queries.at(now), "paused_by": by.email})
    elif verb is ScheduleVerb.RESUME and schedule.paused_at is not None:
        await _resume(session, schedule, await queries.time_of(session, now))
    return None


async def _resume(session: WriteSession, schedule: Schedule, now: datetime) -> None:
    following = parse(schedule.cron, schedule.zone).next(now)
    values = {"paused_at": None, "paused_by": None, "next_at": following, "problem": None, "retry_at": None}
    await queries.update_schedule(session, schedule.id, values)


async def count_late(session: Session, by: Principal) -> int:
    """One's own schedules, or everybody's for an administrator, whose beat has come and gone and nobody took it."""
    return await queries.count_due(session, by.scope, LATE)


async def missed_since(session: Session, since: datetime, *, now: datetime | None = None) -> list[queries.Missed]:
    """Everybody's schedules that are overdue, and those of which a run was skipped or came late since then."""
    return await queries.missed_since(session, since, MISSED_AFTER, now=now)


async def fire_due(session: WriteSession, *, limit: int = 100, now: datetime | None = None) -> int:
    """Enqueue what is due: the sweeper's beat. Returns how many schedules it looked at.

    A beat, its task and the next time commit together, and however many do this at once, each beat is one's. A schedule
    whose beat cannot be enqueued shows why, stays due, and stands in nobody's way. Those of a disabled person are
    paused, and go on when that person is enabled.
    """
    present = await queries.time_of(session, now)
    await queries.pause_of_disabled(session, now=now)
    for schedule in await queries.lock_of_enabled(session):
        await _resume(session, schedule, present)
    due = await queries.lock_due(session, [kind.name for kind in all_kinds()], limit, now=now)
    for schedule in due:
        try:
            async with session.begin_nested():
                await _fire(session, schedule, present)
        except Invalid as error:
            await _refused(session, schedule, str(error), now)
        except DBAPIError as error:
            if is_away(error):
                raise
            logger.warning("schedule_unstorable", schedule=str(schedule.id), error=repr(error.orig))
            said = f"The database refused its task (SQLSTATE {sqlstate(error)}). The log says more."
            await _refused(session, schedule, said, now)
    return len(due)


async def _fire(session: WriteSession, schedule: Schedule, now: datetime) -> None:
    assert schedule.next_at is not None
    rhythm = parse(schedule.cron, schedule.zone)
    # Of several that came meanwhile one is enqueued: the latest.
    beat = rhythm.last(schedule.next_at, now)
    values: dict[str, Any] = {"next_at": rhythm.next(now), "problem": None, "retry_at": None}
    if await queries.take_beat(session, schedule.id, beat) and (
        schedule.missed == "catch_up" or now - beat <= MISSED_AFTER
    ):
        task_id = await tasks.enqueue(session, _request(schedule))
        await queries.beat_started(session, schedule.id, beat, task_id)
        values |= {"last_at": beat, "last_task_id": task_id}
    await queries.update_schedule(session, schedule.id, values)
    await queries.forget_beats(session, schedule.id)


async def _refused(session: WriteSession, schedule: Schedule, problem: str, now: datetime | None) -> None:
    logger.warning("schedule_refused", schedule=str(schedule.id), problem=problem)
    await queries.note_problem(session, schedule.id, problem[:500], TRY_AGAIN, now=now)


def problem_of(schedule: Schedule) -> str | None:
    """Why its next beat will enqueue nothing, or why the due one could not be."""
    try:
        tasks.check(_request(schedule))
        parse(schedule.cron, schedule.zone)
    except Invalid as error:
        return str(error)
    return schedule.problem


def _request(schedule: Schedule) -> TaskRequest:
    return TaskRequest(
        kind=schedule.kind,
        payload=schedule.payload,
        title=schedule.name,
        queue=schedule.queue,
        priority=schedule.priority,
        owner_id=schedule.owner_id,
        subject=f"{SUBJECT}{schedule.id}",
    )


def _fit(plan: SchedulePlan) -> SchedulePlan:
    """As it is stored, if a person may ask for it. Raises Invalid."""
    tasks.refuse_unfit(plan.request())
    return checked(plan)


async def _locked(session: WriteSession, by: Principal, schedule_id: UUID) -> Schedule:
    schedule = await queries.lock_schedule(session, schedule_id, by.scope)
    if schedule is None:
        raise ScheduleNotFound
    return schedule
