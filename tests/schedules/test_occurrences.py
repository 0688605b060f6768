"""What a schedule enqueues: each beat once, missed ones by choice, and nobody in anybody's way."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from holdgate.accounts import service as accounts
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.schedules import queries, service
from holdgate.schedules.errors import OwnerDisabled, ScheduleNotFound
from holdgate.schedules.models import Schedule, ScheduleBeat
from holdgate.schedules.plan import SchedulePlan
from holdgate.schedules.service import ScheduleVerb
from holdgate.tasks.errors import PayloadMismatch, UnknownKind
from tests.factories.people import add_user
from tests.factories.schedules import NOON, fire, happened, plan, schedule_of, tasks_of

HOUR = timedelta(hours=1)
ONE = NOON.replace(hour=13, second=0)


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


async def act(database: Database, by: Principal, schedule_id, verb: ScheduleVerb, now=NOON):  # type: ignore[no-untyped-def]
    async with database.write(by.actor) as session:
        return await service.act(session, by, schedule_id, verb, now=now)


async def test_a_beat_enqueues_one_task_of_its_owner_when_its_time_has_come(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann, name="Hourly", payload={"word": "x"}, queue="slow", priority=70)
    assert await fire(database, ONE - timedelta(seconds=1)) == 0
    assert await fire(database, ONE) == 1
    assert await fire(database, ONE + timedelta(minutes=1)) == 0
    [task] = await tasks_of(database, schedule_id)
    assert (task.owner_id, task.title, task.queue, task.priority, task.payload, task.state) == (
        ann.id,
        "Hourly",
        "slow",
        70,
        {"word": "x"},
        "queued",
    )
    schedule = await schedule_of(database, schedule_id)
    assert (schedule.next_at, schedule.last_at, schedule.last_task_id) == (ONE + HOUR, ONE, task.id)


async def test_schedules_of_a_disabled_person_pause_say_so_and_go_on_when_they_are_enabled(
    database: Database, ann: Principal
) -> None:
    admin = await add_user(database, "root@example.org", "admin")
    running = await plan(database, ann, name="Hourly")
    own = await plan(database, ann, name="Paused by Ann")
    await act(database, ann, own, ScheduleVerb.PAUSE)
    others = await plan(database, admin, name="Somebody else's")
    async with database.write(admin.actor) as session:
        await accounts.disable(session, ann.id)
    assert await fire(database, ONE) == 1
    assert await tasks_of(database, running) == []
    assert len(await tasks_of(database, others)) == 1
    paused = await schedule_of(database, running)
    assert (paused.paused_at, paused.paused_by) == (ONE, queries.OWNER_DISABLED)
    for verb in (ScheduleVerb.RESUME, ScheduleVerb.RUN):
        with pytest.raises(OwnerDisabled, match="has ended"):
            await act(database, admin, running, verb)
    async with database.read() as session:
        [event, _] = await queries.latest_events(session, running)
    assert (event.verb, event.actor) == ("pause", "system")
    async with database.write(admin.actor) as session:
        await accounts.enable(session, ann.id)
    # What would have come meanwhile is not missed.
    assert await fire(database, ONE + 3 * HOUR + timedelta(minutes=1)) == 1
    again = await schedule_of(database, running)
    assert (again.paused_at, again.paused_by, again.next_at) == (None, None, ONE + 4 * HOUR)
    assert await tasks_of(database, running) == []
    await fire(database, ONE + 4 * HOUR)
    assert len(await tasks_of(database, running)) == 1
    assert (await schedule_of(database, own)).paused_by == ann.email


async def test_of_two_sweepers_at_once_one_takes_each_beat(database: Database, ann: Principal) -> None:
    ids = [await plan(database, ann, name=f"No {n}") for n in range(30)]
    for number in range(3):
        barrier = asyncio.Barrier(3)

        async def sweep(now=ONE + number * HOUR, barrier=barrier) -> int:  # type: ignore[no-untyped-def]
            async with database.write("system") as session:
                await session.execute(select(1))
                await barrier.wait()
                return await service.fire_due(session, now=now)

        await asyncio.gather(*(sweep() for _ in range(3)))
        await fire(database, ONE + number * HOUR)
    for schedule_id in ids:
        assert len(await tasks_of(database, schedule_id)) == 3
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ScheduleBeat)) == 90


async def test_the_database_itself_keeps_a_beat_from_being_enqueued_twice(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann)
    await fire(database, ONE)
    async with database.write("system") as session:
        # As if a restored backup or a clock had taken the schedule back.
        await session.execute(text("UPDATE schedules SET next_at = :at"), {"at": ONE})
    assert await fire(database, ONE + timedelta(minutes=1)) == 1
    assert len(await tasks_of(database, schedule_id)) == 1
    assert (await schedule_of(database, schedule_id)).next_at == ONE + HOUR
    with pytest.raises(IntegrityError):
        async with database.write("system") as session:
            await session.execute(text("INSERT INTO schedule_beats SELECT * FROM schedule_beats"))


@pytest.mark.parametrize(("missed", "tasks"), [("catch_up", 1), ("skip", 0)])
async def test_beats_missed_for_hours_are_caught_up_once_or_skipped(
    database: Database, ann: Principal, missed: str, tasks: int
) -> None:
    schedule_id = await plan(database, ann, missed=missed)
    later = ONE + timedelta(hours=7, minutes=20)
    assert await fire(database, later) == 1
    assert await fire(database, later) == 0
    assert len(await tasks_of(database, schedule_id)) == tasks
    schedule = await schedule_of(database, schedule_id)
    assert schedule.next_at == ONE + 8 * HOUR
    assert schedule.last_at == (ONE + 7 * HOUR if tasks else None)
    await fire(database, ONE + 8 * HOUR)
    assert len(await tasks_of(database, schedule_id)) == tasks + 1


async def test_a_beat_a_little_late_is_not_missed(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann, missed="skip")
    await fire(database, ONE + service.MISSED_AFTER)
    assert len(await tasks_of(database, schedule_id)) == 1


async def test_what_comes_while_a_schedule_is_paused_is_not_caught_up(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann)
    await act(database, ann, schedule_id, ScheduleVerb.PAUSE)
    assert await fire(database, ONE + 5 * HOUR) == 0
    await act(database, ann, schedule_id, ScheduleVerb.RESUME, ONE + 5 * HOUR + timedelta(minutes=1))
    assert await fire(database, ONE + 5 * HOUR + timedelta(minutes=2)) == 0
    assert await fire(database, ONE + 6 * HOUR) == 1
    assert len(await tasks_of(database, schedule_id)) == 1


async def test_run_now_enqueues_at_once_and_moves_no_beat(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann)
    task_id = await act(database, ann, schedule_id, ScheduleVerb.RUN)
    schedule = await schedule_of(database, schedule_id)
    assert (schedule.next_at, schedule.last_at, schedule.last_task_id) == (ONE, None, task_id)
    await act(database, ann, schedule_id, ScheduleVerb.PAUSE)
    await act(database, ann, schedule_id, ScheduleVerb.RUN)
    assert [task.state for task in await tasks_of(database, schedule_id)] == ["queued", "queued"]


async def test_another_rhythm_begins_with_its_next_beat_and_another_name_keeps_the_old_one(
    database: Database, ann: Principal
) -> None:
    schedule_id = await plan(database, ann)
    same = SchedulePlan(name="New name", kind="test.nothing", payload={}, cron="0 * * * *")
    async with database.write(ann.actor) as session:
        await service.edit(session, ann, schedule_id, same, now=ONE + timedelta(minutes=5))
    assert (await schedule_of(database, schedule_id)).next_at == ONE
    other = SchedulePlan(name="New name", kind="test.nothing", payload={}, cron="30 9 * * *", zone="Europe/Berlin")
    async with database.write(ann.actor) as session:
        await service.edit(session, ann, schedule_id, other, now=ONE)
    following = (await schedule_of(database, schedule_id)).next_at
    assert following == ONE.replace(day=24, hour=8, minute=30)


async def test_it_is_known_who_did_what(database: Database, ann: Principal) -> None:
    root = await add_user(database, "root@example.org", "admin")
    schedule_id = await plan(database, ann)
    await fire(database, ONE)
    changed = SchedulePlan(name="Every hour", kind="test.nothing", payload={}, cron="5 * * * *", zone="Europe/Rome")
    async with database.write(root.actor) as session:
        await service.edit(session, root, schedule_id, changed, now=NOON)
    for verb in (ScheduleVerb.PAUSE, ScheduleVerb.PAUSE, ScheduleVerb.RESUME, ScheduleVerb.RUN, ScheduleVerb.DELETE):
        await act(database, root, schedule_id, verb)
    assert await happened(database, schedule_id) == [
        ("create", "user:ann@example.org", None),
        ("edit", "user:root@example.org", "cron, zone"),
        ("pause", "user:root@example.org", None),
        ("resume", "user:root@example.org", None),
        ("run", "user:root@example.org", None),
        ("delete", "user:root@example.org", None),
    ]


@pytest.mark.parametrize("verb", list(ScheduleVerb))
async def test_somebody_else_s_schedule_is_not_there(database: Database, ann: Principal, verb: ScheduleVerb) -> None:
    schedule_id = await plan(database, ann)
    bob = await add_user(database, "bob@example.org")
    with pytest.raises(ScheduleNotFound):
        await act(database, bob, schedule_id, verb)
    with pytest.raises(ScheduleNotFound):
        async with database.write(bob.actor) as session:
            await service.edit(
                session, bob, schedule_id, SchedulePlan(name="x", kind="test.nothing", payload={}, cron="* * * * *")
            )
    async with database.read() as session:
        assert await queries.list_schedules(session, bob.scope, None, 10) == []


async def test_a_kind_that_is_gone_and_a_payload_that_no_longer_fits_hold_up_nobody_and_lose_no_beat(
    database: Database, ann: Principal
) -> None:
    gone = await plan(database, ann, name="gone")
    unfit = await plan(database, ann, name="unfit")
    sound = await plan(database, ann, name="sound")
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET kind = 'test.gone' WHERE id = :id"), {"id": gone})
        await session.execute(text("UPDATE schedules SET payload = '{\"a\": 1}' WHERE id = :id"), {"id": unfit})
    assert await fire(database, ONE) == 2
    assert await fire(database, ONE) == 0
    assert [len(await tasks_of(database, each)) for each in (gone, unfit, sound)] == [0, 0, 1]
    refused, unknown = await schedule_of(database, unfit), await schedule_of(database, gone)
    assert "Invalid payload for test.nothing" in (refused.problem or "")
    assert "Unknown kind 'test.gone'" in (service.problem_of(unknown) or "")
    assert (refused.next_at, unknown.next_at) == (ONE, ONE)
    # Put right, both go on with the beat that waited.
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET kind = 'test.nothing'"))
    fixed = SchedulePlan(name="unfit", kind="test.nothing", payload={}, cron="0 * * * *")
    async with database.write(ann.actor) as session:
        await service.edit(session, ann, unfit, fixed, now=ONE)
    assert await fire(database, ONE + timedelta(minutes=10)) == 2
    assert [len(await tasks_of(database, each)) for each in (gone, unfit, sound)] == [1, 1, 1]
    assert (await schedule_of(database, unfit)).problem is None


async def test_a_beat_that_could_not_be_enqueued_is_tried_again_after_a_minute(
    database: Database, ann: Principal
) -> None:
    await plan(database, ann)
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET payload = '{\"a\": 1}'"))
    assert [await fire(database, ONE + timedelta(seconds=n)) for n in (0, 59, 60, 61)] == [1, 0, 1, 0]


async def test_what_the_database_refuses_is_told_without_its_words(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann, name="odd")
    async with database.write("system") as session:
        await session.execute(text("ALTER TABLE tasks ADD CONSTRAINT odd CHECK (title <> 'odd') NOT VALID"))
        assert await service.fire_due(session, now=ONE) == 1
        problem = str(await session.scalar(select(Schedule.problem).where(Schedule.id == schedule_id)))
        await session.rollback()
    assert problem == "The database refused its task (SQLSTATE 23514). The log says more."


async def test_what_cannot_be_enqueued_or_is_not_for_people_is_refused_at_once(
    database: Database, ann: Principal
) -> None:
    for wrong, error in (
        ({"kind": "test.unknown"}, UnknownKind),
        ({"payload": {"word": 3}}, PayloadMismatch),
        ({"queue": "No Queue"}, Invalid),
        ({"priority": 1001}, Invalid),
        ({"name": " "}, Invalid),
        ({"cron": "every day"}, Invalid),
        ({"zone": "Nowhere"}, Invalid),
        ({"kind": "email.send", "payload": {}}, Invalid),
    ):
        with pytest.raises(error):
            await plan(database, ann, **wrong)


async def test_only_the_latest_beats_are_kept(database: Database, ann: Principal) -> None:
    schedule_id = await plan(database, ann, cron="* * * * *")
    async with database.write("system") as session:
        await session.execute(
            text(
                "INSERT INTO schedule_beats (schedule_id, beat_at)"
                " SELECT :id, CAST(:at AS timestamptz) - n * interval '1 minute' FROM generate_series(1, 150) n"
            ),
            {"id": schedule_id, "at": NOON.replace(second=0)},
        )
    await fire(database, NOON + timedelta(minutes=1))
    async with database.read() as session:
        assert len(await queries.latest_beats(session, schedule_id, 200)) == queries.KEPT_BEATS
