"""A thousand tasks while workers are killed by -9 at random: all succeed, and no stored step runs again.

CHAOS_SECONDS says for how long they are killed; CI takes a minute.
"""

import asyncio
import os
import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import func, select, text

from holdgate.core.db import Database
from holdgate.kinds.sample_task import TRACE
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.workers import until
from tests.processes import Process, environment
from tests.servers import Servers

TASKS = 1000
STEPS = 3
WORKERS = 3
SECONDS = float(os.environ.get("CHAOS_SECONDS", "12"))


async def test_a_thousand_tasks_succeed_while_workers_are_killed_at_random(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    chance = random.Random(20261123)
    # Enough work for the whole time: the killing is over before the tasks are.
    payload = {"steps": STEPS, "seconds": SECONDS * WORKERS * 20 / (TASKS * STEPS) / 2, "trace": True}
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="sample.task", payload=payload) for _ in range(TASKS)])
    # Killed every few seconds, an innocent task meets its end three times in a row sooner or later, also alone.
    environ = environment(servers, tmp_path, LEASE_SECONDS="2", MAX_LEASE_LOSSES="10")
    kills = 0
    with ExitStack() as stack:
        workers: list[Process] = []

        def start() -> Process:
            process = Process(tmp_path / f"worker-{len(workers)}.log", environ, "arq", "holdgate.worker.WorkerSettings")
            stack.callback(process.kill)
            workers.append(process)
            return process

        alive = [start() for _ in range(WORKERS)]
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        while loop.time() < end:
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            victim = chance.randrange(WORKERS)
            alive[victim].kill()
            kills += 1
            alive[victim] = start()
        await until(lambda: all_ended(database), 120 + SECONDS)
    assert kills >= SECONDS / 4
    await check(database, tmp_path / TRACE)


async def all_ended(database: Database) -> bool:
    async with database.read() as session:
        return not await session.scalar(select(func.count()).where(Task.finished_at.is_(None)))


async def check(database: Database, trace: Path) -> None:
    async with database.read() as session:
        by_state = await session.execute(select(Task.state, func.count()).group_by(Task.state))
        states = {row[0]: row[1] for row in by_state}
        losses = await session.scalar(select(func.sum(Task.lease_losses)))
        failures = await session.scalar(select(func.sum(Task.failures)))
        stored = {
            (str(row[0]), row[1]): row[2]
            for row in await session.execute(text("SELECT task_id, name, attempt FROM task_steps"))
        }
        last = select(TaskEvent.task_id, func.max(TaskEvent.id).label("id")).group_by(TaskEvent.task_id).subquery()
        unlike = await session.scalar(
            select(func.count())
            .select_from(Task)
            .join(last, last.c.task_id == Task.id, isouter=True)
            .join(TaskEvent, TaskEvent.id == last.c.id, isouter=True)
            .where(func.coalesce(TaskEvent.to_state, "") != Task.state)
        )
        broken = await session.scalar(text(CHAIN))
    assert states == {"succeeded": TASKS}
    assert failures == 0
    assert losses and losses > 0, "nothing was killed with work in hand"
    assert (unlike, broken) == (0, 0)
    runs: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text().splitlines():
        task_id, step, attempt = line.split()
        runs[task_id, f"step-{step}"] += 1
        # After the attempt that stored it, no attempt runs it again.
        assert int(attempt) <= stored[task_id, f"step-{step}"]
    assert len(runs) == len(stored) == TASKS * STEPS


# Events whose `from` is not what the event before left.
CHAIN = """
    SELECT count(*) FROM (
      SELECT from_state, lag(to_state) OVER (PARTITION BY task_id ORDER BY id) AS before FROM task_events) AS e
    WHERE from_state IS DISTINCT FROM before
"""
