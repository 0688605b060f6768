"""Alarms: making them, looking at what is due, and telling their owner once when one fires."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from holdgate.alarms import queries
from holdgate.alarms.errors import AlarmNotFound
from holdgate.alarms.mails import AlarmFired
from holdgate.alarms.models import Alarm, ErrorMute
from holdgate.alarms.queries import DueAlarm
from holdgate.alarms.states import AlarmCondition, AlarmState, AlarmVerb
from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.settings.types import QUEUE_NAME
from holdgate.mail import service as mail
from holdgate.schedules import service as schedules
from holdgate.tasks import queues
from holdgate.webhooks import service as webhooks
from holdgate.webhooks.events import ALARM_FIRED, ALARM_RECOVERED

EVERY = timedelta(seconds=30)  # between two looks at the same alarm
MOST = 20  # of one person
LONGEST = 24 * 60  # minutes: for so long each minute of failures is kept
MOST_FAILURES = 1_000_000
DIGEST = re.compile(r"[0-9a-f]{12}")  # as tasks/failures/fingerprints.py makes it


class AlarmRule(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as a person describes it. `kind` and `queue`: any when empty; `everyone`: administrators only."""

    condition: str
    kind: str = ""
    queue: str = ""
    count: int | None = None
    minutes: int | None = None
    everyone: bool = False


async def create(session: WriteSession, by: Principal, rule: AlarmRule) -> UUID:
    """A new alarm of one's own. Raises Invalid, by field."""
    values = _checked(by, rule)
    if await queries.count_alarms(session, by.id) >= MOST:
        raise Invalid(f"{MOST} alarms are the most. Delete one first.")
    alarm_id = uuid7()
    await queries.insert_alarm(session, {**values, "id": alarm_id, "owner_id": by.id})
    return alarm_id


async def find(session: Session, by: Principal, alarm_id: UUID) -> Alarm:
    """One of one's own. Raises AlarmNotFound."""
    alarm = await queries.find_alarm(session, alarm_id, by.id)
    if alarm is None:
        raise AlarmNotFound
    return alarm


async def delete(session: WriteSession, by: Principal, alarm_id: UUID) -> None:
    """Raises AlarmNotFound."""
    if not await queries.delete_alarm(session, alarm_id, by.id):
        raise AlarmNotFound


async def count_firing(session: Session, by: Principal) -> int:
    return await queries.count_firing(session, by.id)


async def mute(session: WriteSession, by: Principal, digest: str) -> None:
    """Alarms of this person count the error no more. Raises NotFound: it can be no error’s."""
    if not DIGEST.fullmatch(digest):
        raise NotFound("No such error.")
    await queries.mute_error(session, by.id, digest)


async def unmute(session: WriteSession, by: Principal, digest: str) -> None:
    await queries.unmute_error(session, by.id, digest)


async def muted(session: Session, by: Principal) -> list[ErrorMute]:
    return await queries.muted(session, by.id)


def describe(alarm: Alarm) -> str:
    """What it watches, as a title."""
    match alarm.condition:
        case AlarmCondition.FAILURES:
            of = f" of {alarm.kind}" if alarm.kind else ""
            return f"{alarm.count:,} failed attempts{of} in {alarm.minutes:,} min"
        case AlarmCondition.QUEUE_WAIT:
            return f"Oldest queued task of {alarm.queue or 'any queue'} waits over {alarm.minutes:,} min"
    return "A schedule misses a run"


async def check_due(session: WriteSession, settings: Settings, *, limit: int, now: datetime | None = None) -> int:
    """Look at the alarms whose time has come: the sweeper's beat. Returns how many there were.

    One that begins to fire is told by email and by webhooks, in this transaction and once until it has recovered.
    """
    due = await queries.lock_due(session, limit, now=now)
    if not due:
        return 0
    found = {
        **await _failing(session, due, now),
        **await _waiting(session, due, now),
        **await _missed(session, due, now),
    }
    for each in due:
        said = found.get(each.alarm.id)
        if said is not None and each.alarm.state == AlarmState.OK:
            await _fire(session, each, said, settings, now)
        elif said is None and each.alarm.state == AlarmState.FIRING:
            await _recover(session, each.alarm, settings, now)
    await queries.note_checked(session, [each.alarm.id for each in due], EVERY, now=now)
    return len(due)


async def _fire(session: WriteSession, each: DueAlarm, said: str, settings: Settings, now: datetime | None) -> None:
    alarm = each.alarm
    if not await queries.move_alarm(session, alarm.id, AlarmVerb.FIRE, said, now=now):
        return
    await mail.send(
        session,
        template="alarm_fired",
        to=each.email,
        data=AlarmFired(alarm_id=alarm.id),
        owner_id=alarm.owner_id,
        title=f"Email {each.email}: alarm",
    )
    await _tell(session, ALARM_FIRED, alarm, AlarmState.FIRING, said, settings)


async def _recover(session: WriteSession, alarm: Alarm, settings: Settings, now: datetime | None) -> None:
    if await queries.move_alarm(session, alarm.id, AlarmVerb.RECOVER, now=now):
        await _tell(session, ALARM_RECOVERED, alarm, AlarmState.OK, alarm.detail, settings)


async def _tell(
    session: WriteSession, type: str, alarm: Alarm, state: AlarmState, detail: str, settings: Settings
) -> None:
    data = {
        "id": str(alarm.id),
        "state": state.value,
        "condition": alarm.condition,
        "title": describe(alarm),
        "detail": detail,
        "url": f"{settings.base_url}/settings/alarms",
    }
    await webhooks.tell(session, type, alarm.owner_id, data)


def _of(due: Sequence[DueAlarm], condition: AlarmCondition) -> list[DueAlarm]:
    return [each for each in due if each.alarm.condition == condition]


async def _failing(session: WriteSession, due: Sequence[DueAlarm], now: datetime | None) -> dict[UUID, str]:
    """Alarm → what was found, of those whose condition holds; so are the others."""
    chosen = _of(due, AlarmCondition.FAILURES)
    counts = await queries.failures(session, chosen, now=now) if chosen else {}
    return {
        each.alarm.id: f"{n:,} failed attempts{f' of {each.alarm.kind}' if each.alarm.kind else ''}"
        f" in {each.alarm.minutes:,} min"
        for each in chosen
        if (n := counts.get(each.alarm.id, 0)) >= (each.alarm.count or 1)
    }


async def _waiting(session: WriteSession, due: Sequence[DueAlarm], now: datetime | None) -> dict[UUID, str]:
    chosen = _of(due, AlarmCondition.QUEUE_WAIT)
    waits = await queues.oldest_waits(session, now=now) if chosen else {}
    found = {}
    for each in chosen:
        of = {name: wait for name, wait in waits.items() if each.alarm.queue in (None, name)}
        queue = max(of, key=lambda name: of[name], default=None)
        if queue is not None and each.alarm.span is not None and of[queue] > each.alarm.span:
            minutes = int(of[queue].total_seconds() // 60)
            found[each.alarm.id] = f"The oldest queued task of {queue} has waited {minutes:,} min"
    return found


async def _missed(session: WriteSession, due: Sequence[DueAlarm], now: datetime | None) -> dict[UUID, str]:
    chosen = _of(due, AlarmCondition.SCHEDULE_MISSED)
    if not chosen:
        return {}
    found = {}
    missed = await schedules.missed_since(session, min(each.alarm.checked_at for each in chosen), now=now)
    for each in chosen:
        names = {
            miss.name
            for miss in missed
            if (each.everyone or miss.owner_id == each.alarm.owner_id)
            and (miss.taken_at is None or miss.taken_at > each.alarm.checked_at)
        }
        if names:
            more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            found[each.alarm.id] = f"“{min(names)}”{more} missed a run"
    return found


def _checked(by: Principal, rule: AlarmRule) -> dict[str, object]:
    problems: dict[str, str] = {}
    condition = rule.condition
    if condition not in set(AlarmCondition):
        problems["condition"] = "Choose what to watch."
    counts, lasts = condition == AlarmCondition.FAILURES, condition != AlarmCondition.SCHEDULE_MISSED
    if counts and not 1 <= (rule.count or 0) <= MOST_FAILURES:
        problems["count"] = f"Enter a number from 1 to {MOST_FAILURES:,}."
    if lasts and not 1 <= (rule.minutes or 0) <= LONGEST:
        problems["minutes"] = f"Enter a number from 1 to {LONGEST:,}."
    if rule.queue and not QUEUE_NAME.fullmatch(rule.queue):
        problems["queue"] = "No such queue."
    if rule.everyone and not by.is_admin:
        problems["everyone"] = "Only administrators can watch everybody’s tasks."
    if problems:
        raise Invalid("Check your input.", problems)
    return {
        "condition": condition,
        "kind": (rule.kind or None) if counts else None,
        "queue": (rule.queue or None) if condition == AlarmCondition.QUEUE_WAIT else None,
        "count": rule.count if counts else None,
        "span": timedelta(minutes=rule.minutes or 0) if lasts else None,
        "everyone": rule.everyone,
    }
