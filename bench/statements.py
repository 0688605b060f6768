"""What the database pays for a task: CPU of the server process and WAL bytes of each statement of the queue.

One connection, no worker: enqueue in 1,000s, claim and finish in 500s, folding the log, then single calls. CPU is the
time that the connection's server process was on one (Linux, /proc); WAL is the whole server's, which has nothing else
to do. Beside another checkout of this repository the two run in turn, each round on empty tables, so that what the
machine does meanwhile meets both.

Usage: python -m bench.statements [--tasks 20000] [--rounds 5] [--beside ../before] [--sql try.sql]
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.postgres.connections import connection_string
from holdgate.embedded import postgres
from holdgate.runs.states import Stage
from holdgate.runtime.attempts.context import Context
from holdgate.schema import migrate
from holdgate.stats import counts as stats
from holdgate.stats import rollups
from holdgate.tasks.kinds import kind
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import Outcome
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState

HOME = Path(".holdgate/bench-statements")
# No page is written whole, nothing is cleaned up at a moment of its own: the same run costs the same bytes.
SETTINGS = {
    "shared_buffers": "1GB",
    "autovacuum": "off",
    "full_page_writes": "off",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
}
WORKER = UUID(int=7)
LEASE = timedelta(minutes=10)
SINGLE = 200
KIND = "bench.nothing"

Figures = dict[str, tuple[float, float]]  # what → µs of CPU and bytes of WAL for each task


class Meter:
    """Reads what a server process and the log of the server have come to."""

    def __init__(self, beside: Any, pid: int) -> None:
        self._beside, self._pid = beside, pid
        self.figures: Figures = {}

    async def of(self, what: str, tasks: int, work: Callable[[], Awaitable[None]]) -> None:
        cpu, wal = self._cpu(), await self._wal()
        await work()
        self.figures[what] = ((self._cpu() - cpu) / 1000 / tasks, (await self._wal() - wal) / tasks)

    def _cpu(self) -> int:
        return int(Path(f"/proc/{self._pid}/schedstat").read_text().split()[0])

    async def _wal(self) -> int:
        return int(await self._beside.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


class Nothing(msgspec.Struct):
    n: int
    to: str


@kind(KIND)
async def nothing(ctx: Context, payload: Nothing) -> None:
    """Does nothing."""


def new(number: int) -> TaskRequest:
    return TaskRequest(kind=KIND, payload={"n": number, "to": f"person-{number}@example.org"})


async def one_round(url: str, tasks: int, also: str) -> Figures:
    """Of empty tables."""
    beside = await asyncpg.connect(connection_string(url), server_settings={"search_path": "holdgate"})
    database = Database(url, name="bench", pool_size=1, more=0, limit=timedelta(minutes=5))
    if also:
        await beside.execute(also)
    names = await beside.fetchval(
        "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'holdgate'"
        " AND tablename NOT IN ('alembic_version', 'task_transitions', 'rollup', 'log_followers')"
    )
    await beside.execute(f"TRUNCATE {names} CASCADE")
    for cursor in ("rollup", "log_followers"):
        await beside.execute(f"UPDATE {cursor} SET upto = pg_snapshot_xmin(pg_current_snapshot())")
    async with database.read() as session:
        meter = Meter(beside, (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())
    await measure(database, meter, beside, tasks)
    await database.dispose()
    await beside.close()
    return meter.figures


async def measure(database: Database, meter: Meter, beside: Any, tasks: int) -> None:
    async def enqueue(count: int, batch: int) -> None:
        for start in range(0, count, batch):
            async with database.write("bench") as session:
                await enqueue_many(session, [new(start + n) for n in range(min(batch, count - start))])

    hand: list[Any] = []

    async def claim(count: int, batch: int) -> None:
        for _ in range(0, count, batch):
            async with database.write("worker:bench:1") as session:
                hand.extend(
                    await claims.claim_tasks(
                        session, queue="default", kinds=[KIND], worker=WORKER, limit=batch, lease=LEASE
                    )
                )

    async def finish(batch: int, result: str | None = None, state: TaskState = TaskState.SUCCEEDED) -> None:
        delay = 3600 if state is TaskState.RETRYING else None
        while hand:
            done = [Outcome(task.id, task.attempt, state, result=result, delay=delay) for task in hand[:batch]]
            del hand[:batch]
            async with database.write("worker:bench:1") as session:
                assert len(await claims.finish_tasks(session, done)) == len(done)

    async def fold() -> None:
        async with database.write("system") as session:
            await stats.fold_events(session)

    async def fold_minutes() -> None:
        more = True
        while more:
            async with database.write("system") as session:
                more = await rollups.fold(session, {"queued": Stage.QUEUE.value, "running": Stage.WORK.value})

    await meter.of("enqueue 1,000", tasks, lambda: enqueue(tasks, 1000))
    await beside.execute("VACUUM ANALYZE")
    await meter.of("claim 500", tasks, lambda: claim(tasks, 500))
    await meter.of("finish 500", tasks, lambda: finish(500))
    await meter.of("fold counts", tasks, fold)
    await meter.of("fold minutes", tasks, fold_minutes)
    await enqueue(tasks // 4, 1000)
    await claim(tasks // 4, 500)
    await meter.of("finish 500 with results", tasks // 4, lambda: finish(500, '{"done": true}'))
    await enqueue(10, 1)
    await claim(10, 1)
    await finish(1, state=TaskState.RETRYING)
    await enqueue(tasks // 4, 1000)
    await claim(tasks // 4, 500)
    await meter.of("retry 500", tasks // 4, lambda: finish(500, state=TaskState.RETRYING))
    await enqueue(10, 1)
    await claim(10, 1)
    await finish(1)
    await meter.of("enqueue one", SINGLE, lambda: enqueue(SINGLE, 1))
    await meter.of("claim one", SINGLE, lambda: claim(SINGLE, 1))
    await meter.of("finish one", SINGLE, lambda: finish(1))
    await meter.of("claim nothing", SINGLE, lambda: claim(SINGLE, 1))


def child(arguments: argparse.Namespace) -> None:
    for name, value in SETTINGS.items():
        postgres.SETTINGS[name] = value
    url = postgres.start(HOME)
    migrate(url)
    also = Path(arguments.sql).read_text() if arguments.sql else ""
    print(json.dumps(asyncio.run(one_round(url, arguments.tasks, also))))


def run(root: Path, arguments: argparse.Namespace, *, sql: str) -> Figures:
    """A round of the checkout at `root`, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", "--tasks", str(arguments.tasks)]
    environ = {**os.environ, "PYTHONPATH": f"{root / 'app'}:{root}"}
    done = subprocess.run([*command, "--sql", sql], cwd=root, env=environ, check=True, stdout=subprocess.PIPE)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    cost = [figures["claim 500"][n] + figures["finish 500"][n] for n in (0, 1)]
    return {**figures, "claim + finish 500": (cost[0], cost[1])}


def clear(home: Path) -> None:
    """The next round makes the schema anew, which may be another one by then."""
    postgres.stop(home)
    shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", help="another checkout, to be measured in turn with this one")
    parser.add_argument("--sql", default="", help="a file of statements to try on this checkout's schema")
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    here = Path(__file__).resolve().parents[1]
    roots = {"here": here} | ({"beside": Path(arguments.beside).resolve()} if arguments.beside else {})
    found: dict[str, list[Figures]] = {name: [] for name in roots}
    for root in roots.values():
        clear(root / HOME)
    try:
        for _ in range(arguments.rounds):
            for name, root in roots.items():
                sql = str(Path(arguments.sql).resolve()) if arguments.sql and name == "here" else ""
                found[name].append(run(root, arguments, sql=sql))
    finally:
        for root in roots.values():
            clear(root / HOME)
    print(f"{'µs of CPU (min–max), bytes of WAL a task':26}" + "".join(f"{name:>28}" for name in roots))
    for what in found["here"][0]:
        line = f"{what:26}"
        for rounds in found.values():
            cpu, wal = ([each[what][n] for each in rounds] for n in (0, 1))
            line += f"{median(cpu):10.1f} ({min(cpu):.0f}–{max(cpu):.0f})".ljust(24) + f"{median(wal):6.0f}"
        if arguments.beside:
            ratios = [a[what][0] / b[what][0] for a, b in zip(found["here"], found["beside"], strict=True)]
            line += f"   × {median(ratios):.2f}"
        print(line)


if __name__ == "__main__":
    main()
