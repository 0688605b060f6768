"""Tasks that nobody serves and tasks that run for ever: shown, and buried when that is set."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

from holdgate.core.config import Settings, load
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.runtime import workers
from holdgate.stats.counts import counts_by_kind
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.queue import orphans as orphan_queries
from holdgate.tasks.queue.claims import Outcome
from holdgate.tasks.queue.models import Orphan, Worker
from holdgate.tasks.queue.orphans import OrphanLine
from holdgate.tasks.search import lists
from holdgate.tasks.states import TaskState, TaskVerb
from tests.elements import texts
from tests.factories.people import add_user
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import claim, finish, make_task, put
from tests.factories.workers import task_of, until, until_state, working

HOUR = timedelta(hours=1)


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


async def serve(database: Database, queue: str, kinds: list[str] | None) -> None:
    async with database.write("worker:x") as session:
        await workers.beat(session, uuid7(), "host", 1, {queue: 5}, 0, False, kinds)


async def orphans(database: Database) -> list[OrphanLine]:
    async with database.read() as session:
        return orphan_queries.orphans(await counts_by_kind(session), await lists.list_workers(session))


@pytest.mark.parametrize(
    ("queue", "kinds", "served"),
    [
        ("default", ["test.nothing", "other"], True),
        ("default", None, True),  # of a release that did not say
        ("default", ["other"], False),
        ("other", ["test.nothing"], False),
    ],
)
async def test_a_task_is_an_orphan_unless_a_worker_serves_its_queue_and_its_kind(
    database: Database, queue: str, kinds: list[str] | None, served: bool
) -> None:
    await make_task(database)
    assert await orphans(database) == [OrphanLine("default", "test.nothing", 1)]
    await serve(database, queue, kinds)
    assert await orphans(database) == ([] if served else [OrphanLine("default", "test.nothing", 1)])


async def test_a_lost_worker_serves_nobody(database: Database) -> None:
    await make_task(database)
    await serve(database, "default", ["test.nothing"])
    async with database.write("system") as session:
        await session.execute(text("UPDATE workers SET seen_at = now() - interval '1 h'"))
    assert len(await orphans(database)) == 1


async def test_a_task_let_go_with_its_run_is_given_its_own_time_before_it_is_buried(database: Database) -> None:
    task_id = await make_task(database, TaskState.PAUSED)
    await make_task(database)  # so that nobody has served this kind for long
    start = datetime.now(UTC)
    async with database.write("system") as session:
        await orphan_queries.note_orphans(session, now=start)
        await moves.move_tasks(session, TaskVerb.UNPAUSE, Task.id == task_id, now=start + HOUR)
        assert task_id not in [row.id for row in await orphan_queries.bury_orphans(session, HOUR, now=start + HOUR)]
        assert [row.id for row in await orphan_queries.bury_orphans(session, HOUR, now=start + 2 * HOUR)] == [task_id]


async def test_orphans_are_buried_when_nobody_has_served_them_for_so_long(database: Database) -> None:
    task_id, held = await make_task(database), await make_task(database, TaskState.NEEDS_INPUT)
    start = datetime.now(UTC)
    async with database.write("system") as session:
        await orphan_queries.note_orphans(session, now=start)
        assert await orphan_queries.bury_orphans(session, HOUR, now=start + HOUR / 2) == []
        buried = await orphan_queries.bury_orphans(session, HOUR, now=start + HOUR)
    assert [row.id for row in buried] == [task_id]
    task = await task_of(database, task_id)
    assert task.reason == "No worker served test.nothing in the queue default for 60 minutes."
    assert task.error is not None
    assert task.error["type"] == "Orphaned"
    assert (await task_of(database, held)).state == "needs_input"


async def test_a_worker_that_came_meanwhile_begins_the_count_anew(database: Database) -> None:
    await make_task(database)
    start = datetime.now(UTC)
    async with database.write("system") as session:
        await orphan_queries.note_orphans(session, now=start)
    await serve(database, "default", ["test.nothing"])
    async with database.write("system") as session:
        await orphan_queries.note_orphans(session, now=start + HOUR / 2)
        assert (await session.execute(select(Orphan))).all() == []
        await session.execute(text("DELETE FROM workers"))
        await orphan_queries.note_orphans(session, now=start + HOUR)
        assert await orphan_queries.bury_orphans(session, HOUR, now=start + HOUR * 1.5) == []


async def test_a_task_that_came_lately_waits_its_own_time(database: Database) -> None:
    start = datetime.now(UTC)
    await make_task(database)
    async with database.write("system") as session:
        await orphan_queries.note_orphans(session, now=start - HOUR)
        assert await orphan_queries.bury_orphans(session, HOUR, now=start) == []


async def test_a_stuck_task_is_buried_though_its_lease_is_alive_and_its_worker_is_refused(database: Database) -> None:
    task_id = await make_task(database)
    [task] = await claim(database)
    now = datetime.now(UTC)
    async with database.write("system") as session:
        assert await orphan_queries.bury_stuck(session, HOUR, now=now) == []
        assert [row.id for row in await orphan_queries.bury_stuck(session, HOUR, now=now + HOUR)] == [task_id]
    assert (await task_of(database, task_id)).reason == "It was running for more than 60 minutes."
    assert await finish(database, Outcome(task_id, task.attempt, TaskState.SUCCEEDED)) == set()


async def test_the_time_of_a_stuck_task_counts_from_its_last_claim(database: Database) -> None:
    await make_task(database)
    start = datetime.now(UTC)
    [task] = await claim(database, now=start - 2 * HOUR)
    await finish(database, Outcome(task.id, task.attempt, TaskState.QUEUED))
    await claim(database, now=start)
    async with database.write("system") as session:
        assert await orphan_queries.bury_stuck(session, HOUR, now=start + HOUR / 2) == []


async def test_a_kind_that_may_take_longer_is_not_stuck_before(database: Database) -> None:
    await make_task(database)
    start = datetime.now(UTC)
    await claim(database, now=start)
    allowed = find_kind("test.nothing").timeout
    for after, stuck in ((allowed - timedelta(seconds=1), 0), (allowed, 1)):
        async with database.write("system") as session:
            moved = await orphan_queries.bury_stuck(session, timedelta(seconds=1), now=start + after)
        assert len(moved) == stuck


async def test_a_worker_drops_a_stuck_task_and_publishes_its_kinds(database: Database, settings: Settings) -> None:
    quick = msgspec.structs.replace(
        settings, lease=timedelta(milliseconds=300), stuck_timeout=timedelta(milliseconds=50)
    )
    task_id = await put(database, "test.waits", "stuck")
    async with working(database, quick, sweep=False) as dispatcher:
        await until_state(database, task_id, "running")

        async def published() -> bool:
            async with database.read() as session:
                kinds = (await session.execute(select(Worker.kinds))).scalars().first()
            return kinds is not None and "test.waits" in kinds

        await until(published)
        async with database.write("system") as session:
            await session.execute(text("UPDATE tasks SET claimed_at = now() - interval '1 h'"))
            assert len(await orphan_queries.bury_stuck(session, HOUR / 2)) == 1

        async def dropped() -> bool:
            return dispatcher.in_hand == 0

        await until(dropped)
    assert (await task_of(database, task_id)).state == "dead_letter"


async def test_the_sweeper_buries_strays_after_their_time(database: Database, settings: Settings) -> None:
    orphan = await make_task(database, queue="nobody")
    eager = msgspec.structs.replace(settings, orphan_timeout=timedelta(0))
    async with working(database, settings):
        done = await put(database, "test.thread", "done")
        await until_state(database, done, "succeeded")
    assert (await task_of(database, orphan)).state == "queued"
    async with working(database, eager):
        await until_state(database, orphan, "dead_letter")


async def test_the_overview_shows_both(database: Database, transport: httpx.ASGITransport) -> None:
    await make_task(database, queue="nobody")
    await make_task(database)
    await claim(database, now=datetime.now(UTC) - 2 * HOUR)
    async with browser_of(transport, await add_user(database, "root@example.org", "admin")) as browser:
        page = await browser.get("/overview")
    assert "1" in texts(page, "li", id="need-orphans")[0].split()
    assert "1" in texts(page, "li", id="need-stuck")[0].split()


def test_the_settings_are_minutes_and_zero_means_never() -> None:
    assert (load({}).stuck_timeout, load({}).orphan_timeout) == (HOUR / 4, 24 * HOUR)
    never = load({"STUCK_TIMEOUT_MINUTES": "0", "ORPHAN_TIMEOUT_MINUTES": "0"})
    assert never.stuck_timeout is never.orphan_timeout is None
    assert load({"STUCK_TIMEOUT_MINUTES": "90"}).stuck_timeout == HOUR * 1.5
