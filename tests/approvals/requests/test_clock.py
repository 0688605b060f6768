"""The time to decide in working hours, and reminders that leave quiet hours in peace."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from holdgate.accounts.availability import working_times
from holdgate.accounts.availability.working_hours import WorkingHours
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.requests import clock, deciding, reminding, undoing
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from tests.factories.approvals import ANN, BOB, Asked, agree, approval_of, principal, put_question

HOUR = timedelta(hours=1)
FRIDAY = datetime(2030, 3, 1, 16, tzinfo=UTC)
MONDAY = datetime(2030, 3, 4, 0, tzinfo=UTC)


async def works(database: Database, email: str, **more: object) -> None:
    person = await principal(database, email)
    async with database.write("system") as session:
        await working_times.choose_hours(session, person.id, WorkingHours(**more))  # type: ignore[arg-type]


async def started(database: Database, settings: Settings, **more: object) -> Asked:
    """Asked, and delivered on a Friday at four."""
    asked = await put_question(database, settings, deliver=False, **more)  # type: ignore[arg-type]
    async with database.write("system") as session:
        await clock.start(session, asked.approval_id, now=FRIDAY)
    return asked


async def test_the_time_ends_when_the_last_of_those_asked_has_had_all_of_it(
    database: Database, settings: Settings
) -> None:
    await works(database, BOB, starts=time(10), ends=time(12))
    both = await started(database, settings, recipients=(ANN, BOB), ttl=4 * HOUR, clock="working")
    found = await approval_of(database, both)
    assert found.expires_at == MONDAY + timedelta(days=1, hours=12), "Bob: two hours on Monday, two on Tuesday"
    one = await started(database, settings, recipients=(ANN,), ttl=4 * HOUR, clock="working")
    found = await approval_of(database, one)
    assert (found.expires_at, found.remind_at) == (MONDAY + 12 * HOUR, MONDAY + 10 * HOUR), "the usual hours"
    plain = await started(database, settings, recipients=(ANN,), ttl=4 * HOUR)
    assert (await approval_of(database, plain)).expires_at == FRIDAY + 4 * HOUR


async def test_while_it_stands_still_no_working_time_passes(database: Database, settings: Settings) -> None:
    asked = await started(database, settings, recipients=(ANN,), ttl=4 * HOUR, clock="working")
    async with database.write("system") as session:
        await clock.stop(session, asked.approval_id, now=MONDAY + 10 * HOUR)
    assert (await approval_of(database, asked)).time_left == 2 * HOUR
    async with database.write("system") as session:
        await clock.resume(session, asked.approval_id, now=MONDAY + 16 * HOUR)
    assert (await approval_of(database, asked)).expires_at == MONDAY + timedelta(days=1, hours=10)


@pytest.mark.parametrize("urgent", [False, True])
async def test_whoever_wants_quiet_is_reminded_when_they_work_unless_it_is_urgent(
    urgent: bool, database: Database, settings: Settings
) -> None:
    await works(database, ANN, quiet=True)
    await works(database, BOB)
    asked = await put_question(database, settings, recipients=(ANN, BOB), ttl=timedelta(days=4), urgent=urgent)
    evening = FRIDAY + 4 * HOUR
    async with database.write("system") as session:
        found = await approval_of(database, asked)
        found = await session.get_one(type(found), found.id)
        found.expires_at, found.remind_at = evening + timedelta(days=4), evening
        await session.flush()
        assert await reminding.remind_due(session, now=evening) == 1
        rows = await session.execute(
            select(Task.payload["to"].astext, Task.run_at).where(Task.payload["template"].astext == "approval_reminder")
        )
        times = {email: run_at for email, run_at in rows}
    assert (times[ANN] == MONDAY + 9 * HOUR) is not urgent
    assert times[BOB] != MONDAY + 9 * HOUR


async def test_working_hours_need_a_time_that_can_pass(database: Database, settings: Settings) -> None:
    with pytest.raises(QuestionImpossible, match="working hours"):
        await put_question(database, settings, recipients=(ANN,), ttl=timedelta(days=91), clock="working")


async def test_a_question_to_the_owner_takes_no_working_time_from_anybody(
    database: Database, settings: Settings
) -> None:
    """Bob has had all of his on Friday; Ann works on Monday alone, and has all of hers."""
    await works(database, ANN, days=(1,))
    await works(database, BOB, days=(5,), starts=time(16), ends=time(20))
    asked = await started(database, settings, recipients=(ANN, BOB), ttl=4 * HOUR, clock="working")
    async with database.write("system") as session:
        await clock.stop(session, asked.approval_id, now=FRIDAY + 4 * HOUR)
        await clock.resume(session, asked.approval_id, now=FRIDAY + 5 * HOUR)
    assert (await approval_of(database, asked)).time_left is None
    ends = (await approval_of(database, asked)).expires_at
    assert ends is not None and ends >= MONDAY + 13 * HOUR


async def test_undone_it_has_the_working_hours_that_were_left(database: Database, settings: Settings) -> None:
    ask = {"recipients": (ANN,), "ttl": 4 * HOUR, "clock": "working", "take_back": timedelta(days=3)}
    asked = await started(database, settings, **ask)
    ann = await principal(database, ANN)
    async with database.write("system") as session:
        await deciding.decide_signed_in(
            session, ann, asked.approval_id, agree(asked), source="", now=MONDAY + 10 * HOUR
        )
    async with database.write("system") as session:
        await undoing.take_back_signed_in(session, ann, asked.approval_id, now=MONDAY + 18 * HOUR)
    assert (await approval_of(database, asked)).expires_at == MONDAY + timedelta(days=1, hours=11)
