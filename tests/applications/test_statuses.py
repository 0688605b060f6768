"""What comes of applications: recorded by a person, by an answered reminder, or by nothing being heard."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

import holdgate.kinds.application_follow_up  # noqa: F401
from holdgate.applications import queries, recording, reminders, service
from holdgate.applications.models import Application
from holdgate.applications.queries import ApplicationSearch, ListedApplication
from holdgate.applications.states import APPLICATION_MACHINE, ApplicationStatus, ApplicationVerb
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import AppError
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.kinds.application_follow_up import NOTHING_YET
from holdgate.postings import service as postings
from holdgate.testing import KindTester
from tests.factories.races import impatient, until_it_waits
from tests.kinds.applying import Applicant

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


async def of_person(database: Database, owner: Principal) -> list[ListedApplication]:
    async with database.read() as session:
        return await queries.list_applications(session, owner.id, ApplicationSearch(), 100)


async def elsewhere(database: Database, ada: Applicant, her: Principal, at: datetime | None = None) -> UUID:
    """An application that was made elsewhere."""
    posting_id = await ada.posting(f"elsewhere-{at}")
    async with database.write("system") as session:
        assert await postings.mark_applied_elsewhere(session, her, [posting_id], at=at) == 1
    [found] = [one for one in await of_person(database, her) if one.posting_id == posting_id]
    return found.id


async def with_status(database: Database, ada: Applicant, her: Principal, status: ApplicationStatus) -> UUID:
    id = await elsewhere(database, ada, her)
    not_sent = status in (ApplicationStatus.PREPARED, ApplicationStatus.PUT_ASIDE)
    set_it = "UPDATE applications SET status = :to, sent_at = CASE WHEN :no THEN NULL ELSE sent_at END WHERE id = :id"
    async with database.write("system") as session:
        await session.execute(text(set_it), {"to": status, "no": not_sent, "id": id})
    return id


@pytest.mark.parametrize("status", ApplicationStatus)
@pytest.mark.parametrize("verb", ApplicationVerb)
async def test_every_verb_moves_from_its_statuses_and_no_others(
    database: Database, ada: Applicant, her: Principal, verb: ApplicationVerb, status: ApplicationStatus
) -> None:
    id = await with_status(database, ada, her, status)
    target = APPLICATION_MACHINE.moves[verb].targets[0]
    values = {"sent_at": NOW} if verb is ApplicationVerb.SEND else {}
    async with database.write("system") as session:
        moved = await queries.move(session, verb, Application.id == id, values=values)
    assert bool(moved) == (APPLICATION_MACHINE.allows(verb, status) and target != status)
    [found] = await of_person(database, her)
    assert found.status == (target if moved else status)


async def test_nothing_heard_for_three_weeks_is_no_answer_and_a_reply_can_still_be_recorded(
    database: Database, ada: Applicant, her: Principal
) -> None:
    old = await elsewhere(database, ada, her, NOW - timedelta(days=21, minutes=1))
    young = await elsewhere(database, ada, her, NOW - timedelta(days=20))
    async with database.write("system") as session:
        assert await service.lapse(session, limit=10, now=NOW) == 1
        assert await service.lapse(session, limit=10, now=NOW) == 0
    standing = {one.id: one.status for one in await of_person(database, her)}
    assert standing == {old: "no_answer", young: "sent"}
    async with database.write("system") as session:
        await service.record(session, her, old, ApplicationStatus.INTERVIEW)
        found = await service.load(session, old, her.id)
        assert [past["status"] for past in found.history] == ["sent", "no_answer"]


async def test_what_is_not_sent_has_no_answer_to_be_recorded(
    database: Database, ada: Applicant, her: Principal
) -> None:
    id = await with_status(database, ada, her, ApplicationStatus.PREPARED)
    async with database.write("system") as session:
        with pytest.raises(AppError, match="not been sent yet"):
            await service.record(session, her, id, ApplicationStatus.OFFER)
        with pytest.raises(AppError):
            await service.record(session, her, id, ApplicationStatus.PREPARED)


@pytest.mark.parametrize(("answer", "status"), [("I am invited to an interview", "interview"), (NOTHING_YET, "sent")])
async def test_a_reminder_is_a_task_that_asks_what_came_of_it(
    database: Database, ada: Applicant, her: Principal, tester: KindTester, answer: str, status: str
) -> None:
    id = await elsewhere(database, ada, her)
    async with database.write("system") as session:
        day = (await queries.database_time(session)).date() + timedelta(days=7)
        await service.follow_up(session, her, id, day)
    [found] = await of_person(database, her)
    assert found.follow_up_at is not None and (found.follow_up_at.date(), found.follow_up_at.hour) == (day, 9)
    async with database.read() as session:
        task_id = (await service.load(session, id, her.id)).follow_up_task_id
    assert task_id is not None and (await tester.task(task_id)).state == "scheduled"
    # Chosen anew, the first reminder does not come any more.
    async with database.write("system") as session:
        await service.follow_up(session, her, id, day + timedelta(days=1))
    assert (await tester.task(task_id)).state == "cancelled"
    async with database.read() as session:
        task_id = (await service.load(session, id, her.id)).follow_up_task_id
    assert task_id is not None
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'queued', run_at = NULL WHERE id = :id"), {"id": task_id})
    assert await tester.run(task_id) == "needs_input"
    await tester.decide(task_id, form={"status": answer, "notes": "Called them."})
    assert await tester.run(task_id) == "succeeded"
    [found] = await of_person(database, her)
    assert (found.status, found.notes, found.follow_up_at) == (status, "Called them.", None)


async def test_of_two_reminders_set_at_once_the_second_replaces_the_first(
    database: Database, ada: Applicant, her: Principal
) -> None:
    id = await elsewhere(database, ada, her)
    pid: asyncio.Future[int] = asyncio.Future()

    async def set_another() -> None:
        async with database.write("system") as session:
            pid.set_result(await impatient(session))
            await service.follow_up(session, her, id, date(2999, 2, 1))

    async with database.write("system") as session:
        await service.follow_up(session, her, id, date(2999, 1, 31))
        job = asyncio.create_task(set_another())
        await until_it_waits(database, await pid, job)
    await job
    async with database.read() as reading:
        coming = "SELECT id FROM tasks WHERE kind = 'application.follow_up' AND state = 'scheduled'"
        [task_id] = (await reading.execute(text(coming))).scalars()
        assert (await service.load(reading, id, her.id)).follow_up_task_id == task_id


async def test_nobody_is_reminded_of_what_they_have_not_applied_for_after_all(
    database: Database, ada: Applicant, her: Principal, tester: KindTester
) -> None:
    id = await elsewhere(database, ada, her)
    async with database.write("system") as session:
        await service.follow_up(session, her, id, date(2999, 1, 31))
    async with database.read() as session:
        found = await service.load(session, id, her.id)
    assert found.posting_id is not None and found.follow_up_task_id is not None
    async with database.write("system") as session:
        await service.take_back_elsewhere(session, her, found.posting_id)
    assert (await tester.task(found.follow_up_task_id)).state == "cancelled"


async def test_an_answered_reminder_changes_nobody_elses_application(
    database: Database, ada: Applicant, her: Principal
) -> None:
    id = await elsewhere(database, ada, her)
    async with database.write("system") as session:
        for owner in (uuid7(), None):
            assert await reminders.record_answer(session, id, owner, ApplicationStatus.OFFER, "Mine.") == ""
    [found] = await of_person(database, her)
    assert (found.status, found.notes) == ("sent", "")


async def test_a_reminder_of_what_is_over_asks_nobody(
    database: Database, ada: Applicant, her: Principal, tester: KindTester
) -> None:
    id = await with_status(database, ada, her, ApplicationStatus.REJECTED)
    task_id = await tester.enqueue("application.follow_up", {"application_id": str(id)}, owner_id=her.id)
    assert await tester.run(task_id) == "succeeded"
    assert set(reminders.CHOICES.values()) < set(ApplicationStatus)


async def test_no_more_than_so_many_go_to_one_host_within_a_day(
    database: Database, ada: Applicant, tester: KindTester
) -> None:
    """The next one may go a day after the oldest of those; one that has begun goes on."""
    ids = []
    for n in range(4):
        ids.append(await ada.apply(f"host-{n}"))
        await tester.run(ids[-1])
    late = NOW + timedelta(hours=3)

    async def begin(session: WriteSession, n: int, at: datetime, host: str = "jobs.example") -> timedelta | None:
        return await recording.begin(session, ids[n], ada.id, "Dear", host=host, most=2, now=at)

    async with database.write("system") as session:
        assert await begin(session, 0, NOW) is None
        assert await begin(session, 1, NOW + timedelta(hours=2)) is None
        assert await begin(session, 2, late) == timedelta(hours=21)
        assert await begin(session, 1, late) is None
        assert await begin(session, 3, late, "other.example") is None
        assert await begin(session, 2, NOW + timedelta(days=1, seconds=1)) is None
