"""Real arq worker processes: killed, stopped, without Redis."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import func, select, text

import tests.chaos.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.revisions import head
from holdgate.embedded import valkey
from holdgate.runtime.doorbell import Doorbell
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.workers import task_of, until, until_state, verbs_of
from tests.processes import environment, worker
from tests.servers import Servers


async def traces(database: Database) -> dict[str, int]:
    async with database.read() as session:
        rows = await session.execute(text("SELECT name, count(*) FROM evidence GROUP BY name"))
        return {row[0]: row[1] for row in rows}


async def put(database: Database, name: str, seconds: float = 0.0) -> UUID:
    async with database.write("system") as session:
        payload = {"name": name, "seconds": seconds}
        return await enqueue(session, TaskRequest(kind="chaos.two-steps", payload=payload))


async def test_a_task_of_a_killed_worker_is_recovered_soon_and_its_finished_step_not_repeated(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    environ = environment(servers, tmp_path, LEASE_SECONDS="60")
    with worker(environ, tmp_path / "first.log") as first, worker(environ, tmp_path / "second.log") as second:
        task_id = await put(evidence, "killed", seconds=2.0)
        await until_traced(evidence, "killed.first")
        task = await task_of(evidence, task_id)
        async with evidence.read() as session:
            pid = await session.scalar(text("SELECT pid FROM workers WHERE id = :id"), {"id": task.worker_id})
        (first if first._child.pid == pid else second).kill()
        killed_at = await now(evidence)
        task = await until_state(evidence, task_id, "succeeded")
    async with evidence.read() as session:
        again = await session.scalar(
            select(TaskEvent.at).where(TaskEvent.task_id == task_id, TaskEvent.verb == "claim", TaskEvent.attempt == 2)
        )
    assert again - killed_at <= timedelta(seconds=15), "it does not wait for the lease"
    assert await traces(evidence) == {"killed.first": 1, "killed.second": 1}
    assert (task.failures, task.lease_losses, task.attempt) == (0, 1, 2)


async def until_traced(database: Database, name: str) -> None:
    async def seen() -> bool:
        # The step is stored, not only run.
        async with database.read() as session:
            return bool(await session.scalar(text("SELECT count(*) FROM task_steps")))

    await until(seen)
    assert name in await traces(database)


async def now(database: Database):  # type: ignore[no-untyped-def]
    async with database.read() as session:
        return await session.scalar(select(func.clock_timestamp()))


async def test_a_worker_stopped_past_its_lease_cannot_finish_what_another_took_over(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    environ = environment(servers, tmp_path, LEASE_SECONDS="1")
    with worker(environ, tmp_path / "stopped.log") as stopped:
        task_id = await put(evidence, "stopped", seconds=1.0)
        await until_traced(evidence, "stopped.first")
        stopped.send(signal.SIGSTOP)
        with worker(environ, tmp_path / "other.log"):
            task = await until_state(evidence, task_id, "succeeded")
            finisher = task.result
            stopped.send(signal.SIGCONT)
            probe = await put(evidence, "probe")
            await until_state(evidence, probe, "succeeded")
            # Give the late one a whole lease to try.
            await until(lambda: _quiet(stopped))
    task = await task_of(evidence, task_id)
    assert task.result == finisher
    assert await verbs_of(evidence, task_id) == ["enqueue", "claim", "requeue", "claim", "succeed"]
    assert (await traces(evidence))["stopped.first"] == 1


async def _quiet(process) -> bool:  # type: ignore[no-untyped-def]
    said = process.said()
    return "task_taken_away" in said or "finish_refused" in said or "attempt_refused" in said


async def test_sigterm_with_work_in_hand_uses_up_no_try(evidence: Database, servers: Servers, tmp_path: Path) -> None:
    environ = environment(servers, tmp_path, SHUTDOWN_GRACE="0.2")
    with worker(environ, tmp_path / "first.log") as first:
        task_id = await put(evidence, "sigterm", seconds=30.0)
        await until_traced(evidence, "sigterm.first")
        assert first.stop() == 0, first.said()
    task = await task_of(evidence, task_id)
    assert (task.state, task.failures, task.lease_losses) == ("queued", 0, 0)
    assert (await verbs_of(evidence, task_id))[-1] == "requeue"
    async with evidence.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM workers")) == 0


async def test_a_worker_goes_on_while_redis_is_stopped_and_wakes_quickly_when_it_is_back(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    home = tmp_path / "own"
    redis_url = valkey.start(home)
    try:
        environ = environment(servers, tmp_path, REDIS_URL=redis_url)
        with worker(environ, tmp_path / "worker.log") as process:
            await until_state(evidence, await put(evidence, "before"), "succeeded")
            valkey.stop(home)
            for n in range(3):
                await until_state(evidence, await put(evidence, f"away{n}"), "succeeded")
            assert process.alive
            valkey.start(home)
            await until_state(evidence, await put(evidence, "back"), "succeeded")
            await until(lambda: _listening(redis_url))
            assert process.alive
            valkey.stop(home)
            assert process.stop() == 0, process.said()
    finally:
        valkey.stop(home)


async def test_a_retry_comes_in_its_time_while_redis_gives_no_answer(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    home = tmp_path / "own"
    redis_url = valkey.start(home)
    pid = int((home / "valkey" / "valkey.pid").read_text())
    try:
        with worker(environment(servers, tmp_path, REDIS_URL=redis_url), tmp_path / "worker.log"):
            await until_state(evidence, await put(evidence, "before"), "succeeded")
            os.kill(pid, signal.SIGSTOP)
            async with evidence.write("system") as session:
                request = TaskRequest(kind="chaos.fails-once", payload={"name": "again"})
                ids = [await enqueue(session, request) for _ in range(5)]
            for task_id in ids:
                await until_state(evidence, task_id, "succeeded")
    finally:
        os.kill(pid, signal.SIGCONT)
        valkey.stop(home)
    async with evidence.read() as session:
        failed, claimed = (
            select(TaskEvent.task_id, TaskEvent.at)
            .where(TaskEvent.verb == verb, TaskEvent.attempt == attempt)
            .subquery()
            for verb, attempt in (("retry_later", 1), ("claim", 2))
        )
        waited = select(func.max(claimed.c.at - failed.c.at)).where(claimed.c.task_id == failed.c.task_id)
        longest = await session.scalar(waited)
    assert longest is not None and longest < timedelta(seconds=15)


async def _listening(redis_url: str) -> bool:
    from redis.asyncio import Redis

    client = Redis.from_url(redis_url)
    try:
        return bool(await client.pubsub_channels())
    finally:
        await client.aclose()


async def test_a_worker_starts_without_redis(evidence: Database, servers: Servers, tmp_path: Path) -> None:
    environ = environment(servers, tmp_path, REDIS_URL=f"unix://{tmp_path}/nothing.sock?db=0")
    with worker(environ, tmp_path / "worker.log") as process:
        await until_state(evidence, await put(evidence, "alone"), "succeeded")
        assert process.stop() == 0, process.said()


async def test_a_worker_takes_nothing_before_its_schema_is_there(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    async def set_to(revision: str) -> None:
        async with evidence.write("system") as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    await set_to("0000")
    try:
        task_id = await put(evidence, "early")
        with worker(environment(servers, tmp_path), tmp_path / "worker.log") as process:

            async def waits() -> bool:
                return "schema_behind" in process.said()

            await until(waits, 60)
            assert (await task_of(evidence, task_id)).state == "queued"
            await set_to(head())
            await until_state(evidence, task_id, "succeeded")
    finally:
        await set_to(head())


async def test_flushing_redis_loses_nothing(evidence: Database, servers: Servers, tmp_path: Path, redis) -> None:  # type: ignore[no-untyped-def]
    with worker(environment(servers, tmp_path), tmp_path / "worker.log") as process:
        ids = [await put(evidence, f"f{n}", seconds=0.3) for n in range(10)]
        await redis.flushall()
        for task_id in ids:
            await until_state(evidence, task_id, "succeeded")
        assert process.alive


async def test_an_idle_worker_wakes_up_in_milliseconds(
    evidence: Database,
    servers: Servers,
    tmp_path: Path,
    redis: Redis,
) -> None:
    from holdgate.core.config import load

    environ = environment(servers, tmp_path)
    settings = load(environ)
    doorbell = Doorbell(redis, settings.doorbell_scope)
    ringing = Database(servers.database_url, name="tests", pool_size=2, announce=doorbell.ring)
    waits = []
    with worker(environ, tmp_path / "worker.log"):
        await until_state(evidence, await put(evidence, "warm-up"), "succeeded")
        await until(lambda: _listening(servers.redis_url))
        for n in range(12):
            task_id = await put(ringing, f"wake{n}")
            task = await until_state(evidence, task_id, "succeeded")
            assert task.started_at is not None
            waits.append((task.started_at - task.queued_at).total_seconds())
    await ringing.dispose()
    # Polling alone would wait half a second on average; a noisy machine may spoil some.
    assert sorted(waits)[len(waits) // 2] < 0.1, waits


async def test_all_of_a_terminated_database_connection_is_made_anew(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    with worker(environment(servers, tmp_path), tmp_path / "worker.log") as process:
        await until_state(evidence, await put(evidence, "before"), "succeeded")
        task_id = await put(evidence, "through", seconds=1.0)
        await until_state(evidence, task_id, "running")
        async with evidence.write("system") as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdgate worker'"
                )
            )
        await until_state(evidence, task_id, "succeeded", "dead_letter")
        await until_state(evidence, await put(evidence, "after"), "succeeded")
        assert process.alive
    assert (await task_of(evidence, task_id)).state == "succeeded"


async def test_with_far_more_places_than_connections_handlers_wait_and_none_fails(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    async with evidence.write("system") as session:
        request = TaskRequest(kind="chaos.holds-a-connection", payload={"name": "one of many", "seconds": 0.5})
        ids = [await enqueue(session, request) for _ in range(60)]
    open_now = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'holdgate worker' AND datname = current_database()"
    )
    most = 0
    with worker(environment(servers, tmp_path, QUEUES="default:200"), tmp_path / "worker.log") as process:
        for task_id in ids:
            task = await until_state(evidence, task_id, "succeeded", "dead_letter")
            assert (task.state, task.failures) == ("succeeded", 0), process.said()[-2000:]
            async with evidence.read() as session:
                most = max(most, await session.scalar(open_now) or 0)
    expected = 1 + 1 + 1 + 1 + 1 + 1 + 10
    assert most <= expected, "docs/scaling.md: a queue, NOTIFY, claims, outcomes, leases, chores, the handlers"
