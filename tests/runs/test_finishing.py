"""When a run has finished, who is told, and where the time of its tasks went: all folded from the event log."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

import holdgate.kinds.email_send  # noqa: F401
from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from holdgate.runs import event_consumer, queries, service, time_queries
from holdgate.runs.models import Run
from holdgate.runs.states import STAGES, RunVerb, Stage
from holdgate.tasks.models import Task
from holdgate.tasks.queue import retention
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import UNFINISHED, TaskState, TaskVerb
from tests.factories.approvals import principal
from tests.factories.runs import start
from tests.factories.stats import all_final
from tests.factories.workers import until, working

MINUTE = timedelta(minutes=1)


async def add(database: Database, by: Principal, run_id: UUID, n: int) -> None:
    async with database.write(by.actor) as session:
        await service.add_tasks(session, by, run_id, [TaskRequest(kind="test.steps", payload={"name": "x"})] * n)


async def end_all(database: Database, run_id: UUID) -> None:
    """Every open task of the run goes to the dead letters."""
    async with database.write("system") as session:
        await move_tasks(session, TaskVerb.BURY, Task.run_id == run_id, reason="It is over.")


async def retry(database: Database, run_id: UUID, n: int) -> None:
    async with database.write("user:x") as session:
        await move_tasks(session, TaskVerb.RETRY, Task.run_id == run_id, limit=n)


async def follow(database: Database, *, now: datetime | None = None) -> None:
    await all_final(database)
    async with database.write("system") as session:
        await event_consumer.follow_log(session, now=now)


async def sweep(database: Database) -> None:
    async with database.write("system") as session:
        await event_consumer.follow_log(session)


async def run_of(database: Database, run_id: UUID) -> Run:
    async with database.read() as session:
        return await queries.get_run(session, run_id)


async def verbs(database: Database, run_id: UUID) -> list[tuple[str, str]]:
    async with database.read() as session:
        return [(event.verb, event.actor) for event in reversed(await queries.events_of(session, run_id))]


async def mails(database: Database) -> list[dict[str, Any]]:
    async with database.read() as session:
        found = await session.execute(select(Task.payload).where(Task.kind == "email.send").order_by(Task.id))
        return list(found.scalars())


async def test_a_run_finishes_with_its_last_task_and_its_owner_gets_one_mail(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 3)
    async with database.write("system") as session:
        ids = list((await session.execute(select(Task.id).where(Task.run_id == run_id).order_by(Task.id))).scalars())
        await move_tasks(session, TaskVerb.BURY, Task.id == ids[0])
        await move_tasks(session, TaskVerb.CANCEL, Task.id == ids[1])
    await follow(database)
    assert (await run_of(database, run_id)).finished_at is None
    assert await mails(database) == []
    await end_all(database, run_id)
    await follow(database)
    await follow(database)
    run = await run_of(database, run_id)
    async with database.read() as session:
        last = await session.scalar(select(func.max(Task.finished_at)).where(Task.run_id == run_id))
    assert run.finished_at == last
    [mail] = await mails(database)
    assert (mail["template"], mail["to"]) == ("run_finished", ann.email)
    assert mail["data"]["counts"] == {"dead_letter": 2, "cancelled": 1}
    assert await verbs(database, run_id) == [("started", ann.actor), ("finished", "system")]


async def test_the_mail_says_what_became_of_the_tasks_and_leads_to_the_run(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 2)
    await end_all(database, run_id)
    await follow(database)
    [mail] = await mails(database)
    async with database.write("system") as session:
        data = letter_data("run_finished", mail["data"])
        values = await find_letter("run_finished").prepare(session, data, settings)
    message = render("run_finished", values, to=ann.email, task_id=run_id, settings=settings)
    assert message["Subject"] == "A run finished: 2 failed"
    plain = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    for words in ("A run has finished after", "2 failed", "queued", f"/runs/{run_id}", "/settings"):
        assert words in plain


async def test_two_sweepers_at_once_finish_a_run_once(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    await all_final(database)
    barrier = asyncio.Barrier(4)

    async def sweep_at_once() -> None:
        async with database.write("system") as session:
            await session.execute(text("SELECT 1"))
            await barrier.wait()
            await event_consumer.follow_log(session)

    await asyncio.gather(*(sweep_at_once() for _ in range(4)))
    assert len(await mails(database)) == 1
    assert [verb for verb, _ in await verbs(database, run_id)] == ["started", "finished"]


async def test_a_sweeper_that_dies_before_its_commit_loses_no_finish(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    await all_final(database)
    try:
        async with database.write("system") as session:
            await event_consumer.follow_log(session)
            raise ConnectionError
    except ConnectionError:
        pass
    assert (await run_of(database, run_id)).finished_at is None
    await follow(database)
    assert len(await mails(database)) == 1


async def test_added_tasks_open_a_run_again_and_its_later_finish_is_mailed(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    await follow(database)
    await add(database, ann, run_id, 1)
    await follow(database)
    assert (await run_of(database, run_id)).finished_at is None
    await end_all(database, run_id)
    await follow(database, now=datetime.now(UTC) + 11 * MINUTE)
    assert (await run_of(database, run_id)).finished_at is not None
    assert len(await mails(database)) == 2
    assert [verb for verb, _ in await verbs(database, run_id)] == ["started", "finished", "reopened", "finished"]


async def test_tasks_added_and_ended_between_two_beats_finish_the_run_once_more(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    await follow(database)
    await add(database, ann, run_id, 1)
    await end_all(database, run_id)
    await follow(database)
    assert [verb for verb, _ in await verbs(database, run_id)] == ["started", "finished", "reopened", "finished"]


async def test_a_few_retries_within_minutes_are_not_mailed_again_but_many_are(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 20)
    await end_all(database, run_id)
    await follow(database)
    for _ in range(3):
        await retry(database, run_id, 3)
        await end_all(database, run_id)
        await follow(database)
    assert len(await mails(database)) == 1
    await retry(database, run_id, 1)
    await follow(database)
    # With the nine before, these are a handful: also those that came while it was open.
    await end_all(database, run_id)
    await follow(database)
    assert len(await mails(database)) == 2


async def test_no_notice_to_those_who_cancelled_it_themselves_or_do_not_want_any(database: Database) -> None:
    ann, root = await principal(database), await principal(database, "root@example.org", admin=True)
    for by in (ann, root):
        run_id = await start(database, ann)
        async with database.write(by.actor) as session:
            await service.act(session, by, run_id, RunVerb.CANCEL)
        await follow(database)
        assert (await run_of(database, run_id)).finished_at is not None
        assert ("cancelled", by.actor) in await verbs(database, run_id)
        assert len(await mails(database)) == (0 if by is ann else 1)
    async with database.write(ann.actor) as session:
        await accounts.choose_run_notices(session, ann.id, False)
    await end_all(database, await start(database, ann))
    await follow(database)
    assert len(await mails(database)) == 1


async def test_a_run_does_not_finish_under_the_hands_of_one_who_is_adding_tasks(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    await all_final(database)
    async with database.write(ann.actor) as adding:
        await service.add_tasks(adding, ann, run_id, [TaskRequest(kind="test.steps", payload={"name": "x"})])
        sweeping = asyncio.create_task(sweep(database))

        async def waits() -> bool:
            async with database.read() as session:
                stuck = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
                return bool(await session.scalar(text(stuck)))

        await until(waits)
    await sweeping
    assert (await run_of(database, run_id)).finished_at is None
    assert await mails(database) == []


async def test_following_a_busy_run_leaves_its_row_to_the_people(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await all_final(database)
    async with database.write("system") as sweeping:
        await event_consumer.follow_log(sweeping)
        async with database.write(ann.actor) as session:
            await session.execute(text("SET LOCAL lock_timeout = '1s'"))
            await service.act(session, ann, run_id, RunVerb.PAUSE)


async def test_the_time_of_tasks_is_split_exactly_whether_folded_or_not(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    states = (TaskState.RUNNING, TaskState.PENDING_APPROVAL, TaskState.QUEUED, TaskState.RUNNING, TaskState.SUCCEEDED)
    for state in states:
        async with database.write("system") as session:
            await session.execute(
                text(
                    """UPDATE tasks SET state = CAST(:state AS text),
                       lease_expires_at = CASE WHEN :state = 'running' THEN now() END,
                       finished_at = CASE WHEN :state = 'succeeded' THEN now() END WHERE run_id = :run"""
                ),
                {"state": state.value, "run": run_id},
            )
    # The log as it would be had the changes happened at these minutes.
    async with database.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for number, minute in enumerate((0, 5, 7, 37, 38, 48)):
            await connection.execute(
                text(
                    "UPDATE task_log SET at = timestamptz '2026-01-01' + :at WHERE id = (SELECT id FROM task_events"
                    " WHERE run_id = :run ORDER BY id OFFSET :number LIMIT 1)"
                ),
                {"at": minute * MINUTE, "run": run_id, "number": number},
            )
    wanted = {Stage.QUEUE: 6.0, Stage.WORK: 12.0, Stage.PEOPLE: 30.0, Stage.LATER: 0.0}
    for _ in range(2):
        async with database.read() as session:
            times = (await time_queries.times_of(session, [run_id]))[run_id]
        assert {stage: spent.seconds / 60 for stage, spent in times.items()} == wanted
        assert {spent.n for spent in times.values()} == {0}
        await follow(database)


async def test_what_a_task_still_waits_counts_up_to_now(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 2)
    for _ in range(2):
        async with database.read() as session:
            created = (await queries.get_run(session, run_id)).created_at
            times = await time_queries.times_of(session, [run_id], now=created + 3 * MINUTE)
        spent = times[run_id][Stage.QUEUE]
        assert (spent.n, spent.seconds) == (2, 360.0)
        await follow(database)


async def test_times_and_counts_hold_while_others_write_and_fold(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await add(database, ann, run_id, 5)
            await retry(database, run_id, 3)
            await end_all(database, run_id)

    async def fold() -> None:
        while not stop.is_set():
            await sweep(database)

    jobs = [asyncio.create_task(write()), asyncio.create_task(fold()), asyncio.create_task(fold())]
    recount = text("SELECT count(*) FROM tasks WHERE run_id = :run AND finished_at IS NULL")
    for _ in range(30):
        async with database.read() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            times = (await time_queries.times_of(session, [run_id]))[run_id]
            assert sum(spent.n for spent in times.values()) == await session.scalar(recount, {"run": run_id})
            assert all(spent.seconds >= -0.001 for spent in times.values())
    stop.set()
    await asyncio.gather(*jobs)


async def test_the_times_of_a_run_stay_when_its_tasks_are_pruned_and_no_unread_event_goes(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    await end_all(database, run_id)
    async with database.read() as session:
        before = (await time_queries.times_of(session, [run_id]))[run_id][Stage.QUEUE].seconds
    later = datetime.now(UTC) + timedelta(days=40)
    async with database.write("system") as session:
        rules = retention.Rules(finished=timedelta(days=30), dead_letters=timedelta(days=30))
        assert (await retention.prune_tasks(session, rules, now=later)).tasks == 2
    await follow(database)
    async with database.read() as session:
        after = (await time_queries.times_of(session, [run_id]))[run_id][Stage.QUEUE]
    assert (after.n, after.seconds) == (0, before)


def test_every_unfinished_state_belongs_to_a_stage() -> None:
    assert set(STAGES) == set(UNFINISHED)


async def test_the_sweeper_of_a_worker_finishes_runs(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 5)
    async with working(database, settings):

        async def finished() -> bool:
            return (await run_of(database, run_id)).finished_at is not None

        await until(finished)
    assert [mail["data"]["counts"] for mail in await mails(database)] == [{"succeeded": 5}]
