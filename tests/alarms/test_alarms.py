"""Alarms: told once when their condition begins to hold, noted when it no longer does, and muted errors left out."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.accounts import service as accounts
from holdgate.alarms import service, upkeep
from holdgate.alarms.mails import AlarmFired, AlarmLetter
from holdgate.alarms.models import Alarm
from holdgate.alarms.service import AlarmRule
from holdgate.alarms.states import ALARM_MACHINE, AlarmCondition, AlarmState
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.principal import Principal
from holdgate.mail.message import render
from holdgate.tasks.failures.fingerprints import digest
from holdgate.tasks.states import TaskState
from tests.factories.approvals import principal
from tests.factories.bulk import fail
from tests.factories.schedules import plan
from tests.factories.stats import fold_all
from tests.factories.tasks import make_task
from tests.factories.webhooks import deliveries, make_endpoint

MINUTE = timedelta(minutes=1)
REFUSED = "Connection refused."


async def add(database: Database, by: Principal, condition: AlarmCondition, **rule: Any) -> UUID:
    async with database.write(by.actor) as session:
        return await service.create(session, by, AlarmRule(condition=condition, **rule))


async def check(database: Database, settings: Settings, *, later: timedelta = timedelta(0)) -> int:
    """As the sweeper does, so much later."""
    async with database.write("system") as session:
        return await service.check_due(session, settings, limit=100, now=datetime.now(UTC) + MINUTE + later)


async def alarm_of(database: Database, alarm_id: UUID) -> Alarm:
    async with database.read() as session:
        return await session.get_one(Alarm, alarm_id)


async def mails(database: Database) -> list[str]:
    """Whom emails of alarms are to."""
    async with database.read() as session:
        rows = await session.execute(
            text("SELECT payload ->> 'to' FROM tasks WHERE payload ->> 'template' = 'alarm_fired' ORDER BY created_at")
        )
        return list(rows.scalars())


async def failures(database: Database, owner: Principal, n: int, message: str = REFUSED, **task: Any) -> None:
    tasks = [await make_task(database, owner_id=owner.id, **task) for _ in range(n)]
    await fail(database, tasks, message, TaskState.DEAD_LETTER)
    await fold_all(database)


async def test_failures_are_told_once_until_they_have_stopped(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, "https://hooks.example.org/", "alarm.fired", "alarm.recovered")
    alarm = await add(database, ann, AlarmCondition.FAILURES, kind="test.nothing", count=3, minutes=10)
    await failures(database, ann, 2)
    await check(database, settings)
    assert (await alarm_of(database, alarm)).state == AlarmState.OK
    await failures(database, ann, 1)
    for minute in range(1, 4):
        assert await check(database, settings, later=minute * MINUTE) == 1
    firing = await alarm_of(database, alarm)
    assert (firing.state, firing.detail) == (AlarmState.FIRING, "3 failed attempts of test.nothing in 10 min")
    assert firing.fired_at
    assert await mails(database) == [ann.email], "once, however often it is looked at"
    async with database.write("system") as session:
        values = await AlarmLetter().prepare(session, AlarmFired(alarm_id=alarm), settings)
    mail = render("alarm_fired", values, to=ann.email, task_id=alarm, settings=settings)
    assert mail["subject"] == "Alarm: 3 failed attempts of test.nothing in 10 min"
    assert f"{settings.base_url}/dead-letters" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    await check(database, settings, later=15 * MINUTE)
    recovered = await alarm_of(database, alarm)
    assert (recovered.state, recovered.fired_at) == (AlarmState.OK, firing.fired_at)
    assert recovered.recovered_at and recovered.recovered_at > firing.fired_at
    assert [(type, data["state"]) for type, data in await deliveries(database)] == [
        ("alarm.fired", "firing"),
        ("alarm.recovered", "ok"),
    ]
    page = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
    [named] = re.findall(r"(?m)^\| `alarm\.fired` `alarm\.recovered` \| (.*?);", page)
    assert set(re.findall(r"`(\w+)`", named)) == set((await deliveries(database))[0][1])
    await failures(database, ann, 3)
    async with database.write("system") as session:  # they failed at the time of the look that follows
        await session.execute(text("UPDATE error_minutes SET minute = minute + interval '20 min' WHERE span = 1"))
    await check(database, settings, later=20 * MINUTE)
    assert await mails(database) == [ann.email] * 2, "the next episode is told again"


@pytest.mark.parametrize(
    ("of", "rule", "fires"),
    [
        ("another kind", {"kind": "test.steps"}, False),
        ("any kind", {}, True),
        ("somebody else", {"everyone": False, "whose": "bob"}, False),
        ("everybody", {"everyone": True, "whose": "root"}, True),
        ("a muted error", {"mute": REFUSED}, False),
        ("another muted error", {"mute": "Something else."}, True),
    ],
)
async def test_it_counts_what_is_its_owners_and_not_muted(
    database: Database, settings: Settings, of: str, rule: dict[str, Any], fires: bool
) -> None:
    ann = await principal(database)
    by = ann
    if whose := rule.pop("whose", ""):
        by = await principal(database, f"{whose}@example.org", admin=whose == "root")
    if muted := rule.pop("mute", ""):
        async with database.write(by.actor) as session:
            await service.mute(session, by, digest("RuntimeError", muted))
    alarm = await add(database, by, AlarmCondition.FAILURES, count=1, minutes=10, **rule)
    await failures(database, ann, 1)
    await check(database, settings)
    assert ((await alarm_of(database, alarm)).state == AlarmState.FIRING) is fires


async def test_a_queue_that_waits_too_long_is_told(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    slow = await add(database, ann, AlarmCondition.QUEUE_WAIT, queue="slow", minutes=5)
    other = await add(database, ann, AlarmCondition.QUEUE_WAIT, queue="other", minutes=5)
    every = await add(database, ann, AlarmCondition.QUEUE_WAIT, minutes=5)
    await make_task(database, queue="slow")
    await check(database, settings)
    assert (await alarm_of(database, slow)).state == AlarmState.OK
    await check(database, settings, later=6 * MINUTE)
    assert [(await alarm_of(database, each)).state for each in (slow, other, every)] == ["firing", "ok", "firing"]
    assert (await alarm_of(database, slow)).detail == "The oldest queued task of slow has waited 7 min"


async def test_a_schedule_that_is_overdue_or_skipped_is_told(database: Database, settings: Settings) -> None:
    ann, bob = await principal(database), await principal(database, "bob@example.org")
    alarms = [await add(database, who, AlarmCondition.SCHEDULE_MISSED) for who in (ann, bob)]
    now = datetime.now(UTC)
    schedule = await plan(database, ann, name="Nightly", now=now, missed="skip")
    await check(database, settings)
    assert (await alarm_of(database, alarms[0])).state == AlarmState.OK
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET next_at = now() - interval '1 hour'"))
    await check(database, settings, later=MINUTE)
    assert [(await alarm_of(database, each)).state for each in alarms] == ["firing", "ok"]
    assert (await alarm_of(database, alarms[0])).detail == "“Nightly” missed a run"
    async with database.write("system") as session:  # a worker is back, and skips it
        await session.execute(text("UPDATE schedules SET next_at = now() + interval '1 day'"))
    await check(database, settings, later=2 * MINUTE)
    assert (await alarm_of(database, alarms[0])).state == AlarmState.OK
    async with database.write("system") as session:
        skipped = "INSERT INTO schedule_beats VALUES (:id, :at, :taken)"
        times = {"id": schedule, "at": now - timedelta(hours=1), "taken": now + 4 * MINUTE}
        await session.execute(text(skipped), times)
    await check(database, settings, later=4 * MINUTE)
    assert (await alarm_of(database, alarms[0])).state == AlarmState.FIRING


async def test_who_is_shut_out_is_told_nothing_and_costs_nothing(database: Database, settings: Settings) -> None:
    ann, root = await principal(database), await principal(database, "root@example.org", admin=True)
    await add(database, ann, AlarmCondition.FAILURES, count=1, minutes=10)
    [chore] = upkeep.UPKEEP
    assert chore.due is not None
    async with database.read() as session:
        assert await session.scalar(text(f"SELECT {chore.due.text}"))
    async with database.write(root.actor) as session:
        await accounts.disable(session, ann.id)
    async with database.read() as session:
        assert not await session.scalar(text(f"SELECT {chore.due.text}"))
    assert await check(database, settings) == 0


@pytest.mark.parametrize(
    ("condition", "rule", "field"),
    [
        ("failures", {"minutes": 5}, "count"),
        ("failures", {"count": 5}, "minutes"),
        ("failures", {"count": 5, "minutes": 2000}, "minutes"),
        ("queue_wait", {"minutes": 5, "queue": "No Queue"}, "queue"),
        ("schedule_missed", {"everyone": True}, "everyone"),
        ("weather", {}, "condition"),
    ],
)
async def test_what_makes_no_alarm_is_refused_by_field(
    database: Database, condition: str, rule: dict[str, Any], field: str
) -> None:
    ann = await principal(database)
    with pytest.raises(Invalid) as refused:
        await add(database, ann, condition, **rule)  # type: ignore[arg-type]
    assert field in refused.value.fields


async def test_only_errors_are_muted(database: Database) -> None:
    ann = await principal(database)
    with pytest.raises(NotFound):
        async with database.write(ann.actor) as session:
            await service.mute(session, ann, "no digest")


def test_every_state_has_its_way_out() -> None:
    assert not ALARM_MACHINE.terminal
