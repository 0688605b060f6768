"""No-op tasks per second of one worker process, beside arq on the same servers in the same run.

Both at the settings that are best for them: 500 in hand. Each round runs arq and Holdgate in turn, each in a fresh
process; the ratio of a round is what to look at, as machines differ and drift. Holdgate runs as in production: the
trigger, the event log, the fence, the leases and the sweeper's rollup are on.

Usage: python -m bench.throughput [tasks per round] [rounds]
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import msgspec
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.telemetry import log
from holdgate.embedded import postgres, valkey
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.runtime.sweeper import Sweeper
from holdgate.schema import migrate
from holdgate.tasks.kinds import kind
from holdgate.tasks.service import TaskRequest, enqueue_many

HOME = Path(".holdgate/bench")
IN_HAND = 500


class Nothing(msgspec.Struct):
    n: int


@kind("bench.nothing")
async def nothing(ctx: Context, payload: Nothing) -> None:
    """Does nothing."""


async def arq_nothing(ctx: object, n: int) -> None:
    """Does nothing, for arq."""


async def holdgate(database_url: str, tasks: int) -> tuple[float, float]:
    """(enqueued, executed) tasks per second."""
    log.configure(json=True, level="warning")  # as arq: no line for each task
    settings = Settings(database_url=database_url, queues=(("default", IN_HAND),))
    database = Database(database_url, name="bench")
    async with database.engine.begin() as connection:
        await connection.execute(text("TRUNCATE tasks, task_steps, task_events, task_counts, task_totals CASCADE"))
        await connection.execute(text("UPDATE rollup SET upto = pg_snapshot_xmin(pg_current_snapshot())"))
    began = time.perf_counter()
    for start in range(0, tasks, 1000):
        async with database.write("bench") as session:
            batch = range(start, min(start + 1000, tasks))
            await enqueue_many(session, [TaskRequest(kind="bench.nothing", payload={"n": n}) for n in batch])
    enqueued = time.perf_counter() - began
    dispatcher = Dispatcher(database, settings)
    began = time.perf_counter()
    jobs = [asyncio.create_task(dispatcher.run()), asyncio.create_task(Sweeper(database, settings).run())]
    left = text("SELECT EXISTS (SELECT FROM tasks WHERE state <> 'succeeded')")
    while True:
        async with database.read() as session:
            if not (await session.execute(left)).scalar_one():
                break
        await asyncio.sleep(0.02)
    executed = time.perf_counter() - began
    await dispatcher.drain()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await database.dispose()
    return tasks / enqueued, tasks / executed


async def arq(redis_url: str, tasks: int) -> tuple[float, float]:
    """(enqueued, executed) jobs per second of arq."""
    client = Redis.from_url(redis_url)
    await client.flushdb()
    await client.aclose()
    settings = RedisSettings.from_dsn(redis_url)
    pool = await create_pool(settings)
    began = time.perf_counter()
    for start in range(0, tasks, 200):
        await asyncio.gather(*(pool.enqueue_job("arq_nothing", n) for n in range(start, min(start + 200, tasks))))
    enqueued = time.perf_counter() - began
    worker = Worker(
        functions=[func(arq_nothing, name="arq_nothing", keep_result=0)],
        redis_settings=settings,
        burst=True,
        max_jobs=IN_HAND,
        poll_delay=0.001,
        handle_signals=False,
        log_results=False,
    )
    began = time.perf_counter()
    await worker.async_run()
    executed = time.perf_counter() - began
    assert worker.jobs_complete == tasks, worker.jobs_complete
    await worker.close()
    await pool.aclose()
    return tasks / enqueued, tasks / executed


def main() -> None:
    if len(sys.argv) > 3 and sys.argv[1] in ("holdgate", "arq"):
        run = {"holdgate": holdgate, "arq": arq}[sys.argv[1]]
        import uvloop

        print(json.dumps(uvloop.run(run(sys.argv[2], int(sys.argv[3])))))
        return
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    database_url, redis_url = postgres.start(HOME), valkey.start(HOME)
    try:
        migrate(database_url)
        ratios = []
        print(f"{tasks} no-op tasks a round, one worker process, {IN_HAND} in hand")
        for number in range(rounds):
            theirs = measure("arq", redis_url, tasks)
            ours = measure("holdgate", database_url, tasks)
            ratios.append(ours[1] / theirs[1])
            print(
                f"round {number + 1}: arq {theirs[1]:7.0f}/s (enqueue {theirs[0]:6.0f}/s)   "
                f"Holdgate {ours[1]:7.0f}/s (enqueue {ours[0]:6.0f}/s)   ratio {ratios[-1]:.2f}"
            )
        print(f"median ratio {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)


def measure(which: str, url: str, tasks: int) -> tuple[float, float]:
    """One round in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.throughput", which, url, str(tasks)], check=True, stdout=subprocess.PIPE
    )
    enqueued, executed = json.loads(done.stdout.splitlines()[-1])
    return enqueued, executed


if __name__ == "__main__":
    main()
