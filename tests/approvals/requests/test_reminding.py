"""Reminders: at half and at 85 % of the time, once each, to those who have not decided."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from holdgate.approvals.requests import deciding, mails, reminding
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail.errors import NotNeeded
from holdgate.tasks.models import Task
from tests.factories.approvals import (
    ANN,
    BOB,
    OWNER,
    THREE,
    Asked,
    agree,
    approval_of,
    approve,
    by_link,
    put_question,
    recipients_of,
)


async def reminded(database: Database, now: datetime) -> list[str]:
    """Sweep once; whom the reminders go to that this made."""
    async with database.write("system") as session:
        before = await session.execute(select(Task.id).where(Task.kind == "email.send"))
        known = set(before.scalars())
        await reminding.remind_due(session, now=now)
        rows = await session.execute(select(Task.id, Task.payload).where(Task.kind == "email.send"))
        fresh = [payload for task_id, payload in rows if task_id not in known]
    assert {mail["template"] for mail in fresh} <= {"approval_reminder"}
    return sorted(mail["to"] for mail in fresh)


async def started(database: Database, asked: Asked) -> datetime:
    at = (await approval_of(database, asked)).clock_started_at
    assert at is not None
    return at


async def test_a_reminder_goes_out_at_half_and_at_85_percent_of_the_time_once_each(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    start, end = await started(database, asked), (await approval_of(database, asked)).expires_at
    assert await reminded(database, start + timedelta(minutes=9, seconds=59)) == []
    assert await reminded(database, start + timedelta(minutes=10)) == [ANN, BOB]
    assert await reminded(database, start + timedelta(minutes=16, seconds=59)) == []
    assert await reminded(database, start + timedelta(minutes=17)) == [ANN, BOB]
    assert await reminded(database, start + timedelta(minutes=19)) == []
    assert (await approval_of(database, asked)).expires_at == end


async def test_two_sweepers_at_the_same_instant_remind_once(database: Database, settings: Settings) -> None:
    for _ in range(10):
        asked = await put_question(database, settings)
        due = await started(database, asked) + timedelta(minutes=10)
        barrier = asyncio.Barrier(2)

        async def sweep(due: datetime = due, barrier: asyncio.Barrier = barrier) -> int:
            async with database.write("system") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                return await reminding.remind_due(session, now=due)

        assert sorted(await asyncio.gather(sweep(), sweep())) == [0, 1]
        async with database.write("system") as session:
            await session.execute(text("DELETE FROM tasks"))


async def test_who_has_decided_and_who_was_never_reached_is_not_reminded(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    await by_link(database, asked, 0, agree(asked))
    async with database.write("system") as session:
        await session.execute(text("UPDATE approval_recipients SET state = 'undelivered' WHERE email LIKE 'cid%'"))
    assert await reminded(database, await started(database, asked) + timedelta(minutes=10)) == [BOB]


async def test_nobody_is_reminded_of_what_is_decided(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    start = await started(database, asked)
    assert await reminded(database, start + timedelta(minutes=10)) == [OWNER]
    await by_link(database, asked, 0, approve(asked))
    assert await reminded(database, start + timedelta(minutes=18)) == []
    [person] = await recipients_of(database, asked)
    with pytest.raises(NotNeeded):  # the one that is on its way
        async with database.write("system") as session:
            await mails.ApprovalReminder().prepare(session, mails.AskedPerson(person.id), settings)


@pytest.mark.parametrize(("minutes", "expected"), [(9, []), (10, [OWNER])])
async def test_a_question_of_less_than_ten_minutes_gets_none(
    database: Database, settings: Settings, minutes: int, expected: list[str]
) -> None:
    asked = await put_question(database, settings, ttl=timedelta(minutes=minutes))
    assert await reminded(database, await started(database, asked) + timedelta(minutes=minutes / 2)) == expected


async def test_of_reminders_missed_while_no_worker_ran_only_the_last_is_sent(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings)
    start = await started(database, asked)
    assert await reminded(database, start + timedelta(minutes=18)) == [OWNER]
    assert await reminded(database, start + timedelta(minutes=19)) == []
    late = await put_question(database, settings)
    assert await reminded(database, await started(database, late) + timedelta(minutes=20)) == []


async def test_a_question_whose_clock_has_not_started_is_not_reminded_of(
    database: Database, settings: Settings
) -> None:
    await put_question(database, settings, deliver=False)
    assert await reminded(database, datetime.now(UTC) + timedelta(days=1)) == []


async def test_the_reminder_says_how_long_is_left_and_brings_a_link_that_works(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET expires_at = now() + interval '3 minutes'"))
    [person] = await recipients_of(database, asked)
    data = mails.AskedPerson(person.id)
    async with database.write("system") as session:
        values = await mails.ApprovalReminder().prepare(session, data, settings)
    assert values["minutes"] == 3
    asked.tokens = [values["url"].rsplit("/", 1)[1]]
    end = (await approval_of(database, asked)).expires_at
    async with database.write("system") as session:
        await mails.ApprovalReminder().sent(session, data)
    assert (await approval_of(database, asked)).expires_at == end
    async with database.write("recipient:x") as session:
        done = await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")
    assert done.state == "approved"
