"""Pausing, resuming and cancelling a run of 100,000 tasks: how long the person waits, and what others notice of it.

A worker process works on another run all the time. In each round a verb is given to the large run in between: how long
the call takes until it has committed, how long until all tasks have followed in the background, and how many tasks of
the other run are done per second meanwhile, beside the same shortly before and after. That ratio is what to look at, as
machines differ and drift. The large run waits in the same queue, at a lower priority.

Usage: python -m bench.runs [tasks in the large run] [rounds]
"""

import asyncio
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from uuid import UUID

import msgspec
import uvloop
from sqlalchemy import text

from holdgate.accounts.service import add_user
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.embedded import postgres
from holdgate.kinds import BUILT_IN
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.runtime.sweeper import Sweeper
from holdgate.schema import migrate
from holdgate.stats.counts import counts_by_run
from holdgate.tasks.kinds import kind
from holdgate.tasks.service import TaskRequest

HOME = Path(".holdgate/bench")
IN_HAND = 500
READY = 10_000  # tasks of the other run, at least
LOOK = 0.25  # seconds between two looks at the counts: the looking must not be what is measured
QUIET = 4.0  # seconds of an undisturbed measurement
LIMIT = 1.0  # seconds a person may wait
KEPT = 0.8  # of the other run's throughput
STATES = {RunVerb.PAUSE: "paused", RunVerb.RESUME: "queued", RunVerb.CANCEL: "cancelled"}


class Nothing(msgspec.Struct):
    n: int


@kind("bench.idle")
async def nothing(ctx: Context, payload: Nothing) -> None:
    """Does nothing."""


async def work(url: str) -> None:
    """The worker process: works and sweeps until its standard input ends."""
    for module in BUILT_IN:
        import_module(module)
    settings = Settings(database_url=url, queues=(("default", IN_HAND),))
    database = Database(url, name="bench worker")
    dispatcher = Dispatcher(database, settings)
    jobs = [asyncio.create_task(dispatcher.run()), asyncio.create_task(Sweeper(database, settings).run())]
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([*jobs, ended], return_when=asyncio.FIRST_COMPLETED)
    await dispatcher.drain()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await database.dispose()


class Bench:
    def __init__(self, database: Database, by: Principal, size: int) -> None:
        self._database = database
        self._by = by
        self._size = size

    async def start(self, name: str, n: int, priority: int) -> UUID:
        """A run of `n` tasks, made in parts so that no transaction is large."""
        run_id: UUID | None = None
        for start in range(0, n, 2000):
            requests = [
                TaskRequest(kind="bench.idle", payload={"n": i}, priority=priority)
                for i in range(start, min(start + 2000, n))
            ]
            async with self._database.write(self._by.actor) as session:
                if run_id is None:
                    run_id = await runs.start_run(session, self._by, name, requests)
                else:
                    await runs.add_tasks(session, self._by, run_id, requests)
        assert run_id is not None
        return run_id

    async def counts(self, run_id: UUID) -> dict[str, int]:
        async with self._database.read() as session:
            return (await counts_by_run(session, [run_id]))[run_id]

    async def feed(self, other: UUID) -> None:
        """Keep tasks of the other run ready, at all times alike."""
        while True:
            if (await self.counts(other)).get("queued", 0) > READY:
                await asyncio.sleep(LOOK)
                continue
            requests = [TaskRequest(kind="bench.idle", payload={"n": 0})] * 5000
            async with self._database.write(self._by.actor) as session:
                await runs.add_tasks(session, self._by, other, requests)

    async def speed(self, other: UUID, until: "asyncio.Future[None]") -> float:
        """Tasks of the other run done per second until then."""
        before, began = (await self.counts(other)).get("succeeded", 0), time.perf_counter()
        await until
        done, took = (await self.counts(other)).get("succeeded", 0) - before, time.perf_counter() - began
        return done / took

    async def act(self, run_id: UUID, verb: RunVerb) -> float:
        """Seconds until the person has their answer."""
        began = time.perf_counter()
        async with self._database.write(self._by.actor) as session:
            await runs.act(session, self._by, run_id, verb)
        return time.perf_counter() - began

    async def followed(self, run_id: UUID, state: str) -> float:
        """Seconds until all tasks have followed."""
        began = time.perf_counter()
        while (counts := await self.counts(run_id)).get(state, 0) < self._size:
            assert "succeeded" not in counts, "the other run ran dry, so the worker took to the large one"
            await asyncio.sleep(LOOK)
        return time.perf_counter() - began

    async def disturbed(self, other: UUID, run_id: UUID, verb: RunVerb) -> tuple[float, float, float]:
        """(seconds of the call, seconds until all have followed, the other run's speed meanwhile)."""

        async def give() -> tuple[float, float]:
            return await self.act(run_id, verb), await self.followed(run_id, STATES[verb])

        giving = asyncio.ensure_future(give())
        speed = await self.speed(other, giving)  # type: ignore[arg-type]
        took, followed = giving.result()
        return took, followed, speed


async def measure(url: str, size: int, rounds: int) -> bool:
    database = Database(url, name="bench")
    async with database.engine.begin() as connection:
        names = "tasks, task_steps, task_events, task_counts, runs, run_times, run_minutes, run_events"
        await connection.execute(text(f"TRUNCATE {names} CASCADE"))
        for cursor in ("rollup", "log_followers"):
            await connection.execute(text(f"UPDATE {cursor} SET upto = pg_snapshot_xmin(pg_current_snapshot())"))
    async with database.write("bench") as session:
        user = await add_user(session, "bench@example.org")
    bench = Bench(database, Principal(user.id, user.email, "", "member"), size)
    other = await bench.start("The other run", 10_000, priority=100)
    found: dict[RunVerb, list[tuple[float, float, float]]] = {verb: [] for verb in RunVerb}
    print(f"a run of {size:,} tasks; one worker process, {IN_HAND} in hand, busy with another run", flush=True)
    feeding = asyncio.create_task(bench.feed(other))
    for number in range(rounds):
        large = await bench.start(f"Large {number}", size, priority=10)
        for verb in RunVerb:
            before = await bench.speed(other, asyncio.ensure_future(asyncio.sleep(QUIET)))
            took, followed, during = await bench.disturbed(other, large, verb)
            after = await bench.speed(other, asyncio.ensure_future(asyncio.sleep(QUIET)))
            found[verb].append((took, followed, 2 * during / (before + after)))
            print(
                f"round {number + 1} {verb.value:7} call {took * 1000:5.0f} ms, all followed after {followed:5.1f} s; "
                f"other run {before:6.0f}/s before, {during:6.0f}/s meanwhile, {after:6.0f}/s after: "
                f"{found[verb][-1][2]:.2f}",
                flush=True,
            )
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await database.dispose()
    return closing(found)


def closing(found: dict[RunVerb, list[tuple[float, float, float]]]) -> bool:
    """The table of medians, and whether what we promise holds."""
    print(f"\n{'':8}{'call':>10}{'slowest':>10}{'followed':>10}{'kept':>7}{'worst':>7}")
    holds = True
    for verb, rows in found.items():
        calls, follows, kept = zip(*rows, strict=True)
        holds = holds and max(calls) <= LIMIT and median(kept) >= KEPT
        print(
            f"{verb.value:8}{median(calls) * 1000:7.0f} ms{max(calls) * 1000:7.0f} ms{median(follows):8.1f} s"
            f"{median(kept):7.2f}{min(kept):7.2f}"
        )
    kept = f"the median of what others keep at least {KEPT:g}"
    print(f"every call within {LIMIT:g} s and {kept}: {'yes' if holds else 'NO'}")
    return holds


def main() -> None:
    log.configure(json=True, level="warning")  # no line for each task
    if sys.argv[1:2] == ["work"]:
        uvloop.run(work(sys.argv[2]))
        return
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    url = postgres.start(HOME)
    try:
        migrate(url)
        worker = subprocess.Popen([sys.executable, "-m", "bench.runs", "work", url], stdin=subprocess.PIPE)
        try:
            holds = uvloop.run(measure(url, size, rounds))
        finally:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait(30)
    finally:
        postgres.stop(HOME)
    sys.exit(not holds)


if __name__ == "__main__":
    main()
