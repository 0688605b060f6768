"""How fast one worker is when the house is full, beside empty tables: many tasks finished, many waiting, and a
transaction of somebody else that has been open for minutes.

For each a database of its own, copied anew for each round, and in each round all of them in turn. What is measured are
handlers called a second by a real worker, tuned as in `bench.peers`, with tasks that come before all that wait. Beside
it: reading the counts of the dashboard, in milliseconds.

Usage: python -m bench.growth [--finished 1000,10000,100000,1000000] [--queued 500000] [--held 180] [--tasks 20000]
       [--rounds 3] [--plot bench/growth.svg] [--append bench/RESULTS.md]
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import asyncpg

from bench.peers.places import Client, Place, Worker, place
from bench.plot import plot
from holdgate.core.db import Database
from holdgate.stats import counts as stats

PEER = "holdgate"
FIRST = 0.1  # of the calls, in which the worker starts: not counted
PATIENCE = 300  # seconds for the tasks of a round
GOALS = {"finished": 0.9, "queued": 0.9, "held": 0.7}

# Past the triggers, which would take hours: what they would have written is written here. Three events a task, so old
# that folding and the followers have passed them.
_FINISHED = """
    SET session_replication_role = replica;
    INSERT INTO lanes (queue, kind) VALUES ('default', 'bench.nothing');
    INSERT INTO actors (id, name) VALUES (nextval('actors_id_seq'), 'worker:bench:1');
    INSERT INTO tasks (id, kind, lane, payload, queue, state, attempt, created_at, queued_at, started_at, claimed_at,
                       finished_at)
    SELECT holdgate_uuid7(), 'bench.nothing', (SELECT max(id) FROM lanes),
           jsonb_build_object('number', n, 'email', 'person' || n % 5000 || '@example.org', 'sent', 0), 'default',
           'succeeded', 1, at, at, at, at, at
    FROM generate_series(1, {number}) AS n, LATERAL (SELECT now() - ({number} - n) * interval '100 ms' AS at) AS o;
    INSERT INTO task_log (xid, at, since, task_id, lane, attempt, actor, from_state, to_state, verb)
    SELECT '3', t.created_at, CASE WHEN e.n > 1 THEN t.created_at END, t.id, t.lane, least(e.n - 1, 1),
           (SELECT max(id) FROM actors), e.from_state, e.to_state, e.verb
    FROM tasks t, (VALUES (1, NULL::task_state, 'queued'::task_state, 'enqueue'::task_verb),
                          (2, 'queued', 'running', 'claim'), (3, 'running', 'succeeded', 'succeed'))
                  AS e(n, from_state, to_state, verb)
    ORDER BY t.id, e.n;
    INSERT INTO task_counts (queue, kind, state, n) VALUES ('default', 'bench.nothing', 'succeeded', {number});
    INSERT INTO task_totals (queue, kind, state, n) VALUES ('default', 'bench.nothing', 'succeeded', {number});
"""
_QUEUED = """
    SELECT holdgate_insert(array_agg(holdgate_uuid7()), array_agg(kind), array_agg(payload), array_agg(queue),
                           array_agg(10), array_agg(3), array_agg(''::text), array_agg(NULL::uuid),
                           array_agg(NULL::uuid), array_agg(NULL::text), array_agg(NULL::timestamptz),
                           array_agg(NULL::timestamptz), array_agg(NULL::text), now())
    FROM (SELECT 'bench.nothing'::text AS kind, 'default'::text AS queue, jsonb_build_object(
                   'number', n, 'email', 'person' || n % 5000 || '@example.org', 'sent', 0) AS payload
          FROM generate_series(1, {number}) AS n) AS wanted
"""
_FOLDED = """
    UPDATE rollup SET upto = pg_snapshot_xmin(pg_current_snapshot());
    UPDATE log_followers SET upto = pg_snapshot_xmin(pg_current_snapshot());
"""


class House(NamedTuple):
    """How full it is; `held`: for how many seconds a transaction has been open when the worker starts."""

    name: str
    finished: int = 0
    queued: int = 0
    held: float = 0

    @property
    def about(self) -> str:
        if self.held:
            return f"a transaction open for {self.held:g} s"
        return f"{self.queued:,} queued" if self.queued else f"{self.finished:,} finished" if self.finished else "empty"

    @property
    def goal(self) -> float | None:
        about = "held" if self.held else "queued" if self.queued else "finished" if self.finished else ""
        return GOALS.get(about)


class Figures(NamedTuple):
    """Handlers a second, and milliseconds for the counts by state."""

    rate: float
    counts: float


async def connect(url: str) -> "asyncpg.Connection":
    return await asyncpg.connect(url, server_settings={"search_path": "holdgate, pg_temp"})


async def furnish(there: Place, house: House) -> None:
    """Its database, from which each round copies."""
    await there.copy(f"{PEER}_new", f"{PEER}_{house.name}")
    connection = await connect(there.url(f"{PEER}_{house.name}"))
    began = time.perf_counter()
    if house.finished:
        await connection.execute(_FINISHED.format(number=house.finished))
    for _ in range(0, house.queued, 10_000):
        await connection.execute(_QUEUED.format(number=min(house.queued, 10_000)))
    await connection.execute(_FOLDED)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    print(f"{house.name:20} made in {time.perf_counter() - began:.0f} s", flush=True)


@asynccontextmanager
async def held(url: str, seconds: float) -> AsyncIterator[None]:
    """Somebody's transaction with a snapshot that is as old: what has died since cannot be cleaned away."""
    if not seconds:
        yield
        return
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetchval("SELECT count(*) FROM runs")
            yield
    finally:
        await connection.close()


async def measure(there: Place, house: House, tasks: int) -> Figures:
    await there.copy(f"{PEER}_{house.name}", PEER)
    url, environ = there.url(PEER), there.environ(PEER)
    client = Client(PEER, environ)
    try:
        async with held(url, house.held):
            if house.held:
                await _wear(client, environ, house.held)
            client.order("fill", tasks)
            rate = await _rate(Worker(PEER, environ), url, tasks)
    finally:
        client.end()
    return Figures(rate, await _counts(url))


async def _wear(client: Client, environ: dict[str, str], seconds: float) -> None:
    """Work goes on meanwhile, a little of it: each change leaves a dead row behind."""
    worker = Worker(PEER, environ)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        client.order("fill", 1000)
        client.order("drained", PATIENCE)
        await asyncio.sleep(min(2.0, max(0.0, ends - time.monotonic())))
    worker.end()


async def _rate(worker: Worker, url: str, tasks: int) -> float:
    connection = await connect(url)
    ends = time.monotonic() + PATIENCE
    ready = "SELECT FROM tasks WHERE state = 'queued' AND NOT limited AND queue = 'default' AND priority = 50"
    left = f"SELECT EXISTS ({ready})"
    while await connection.fetchval(left):
        if time.monotonic() > ends:
            raise TimeoutError("its worker does not end the work")
        await asyncio.sleep(0.05)
    await connection.close()
    calls = sorted(worker.end()["calls"])[:tasks]  # behind them come those that waited before
    first = int(tasks * FIRST)
    return (tasks - first) / (calls[-1] - calls[first])


async def _counts(url: str) -> float:
    database = Database(url.replace("postgresql:", "postgresql+asyncpg:"), name="bench", pool_size=1)
    took = []
    for _ in range(20):
        async with database.read_one() as session:
            began = time.perf_counter()
            await stats.counts_by_state(session)
            took.append(1000 * (time.perf_counter() - began))
    await database.dispose()
    return median(took)


def report(found: dict[House, list[Figures]]) -> str:
    lines = [
        "# A full house beside empty tables",
        "",
        "| one worker process | no-op tasks a second (range) | × empty | wanted | counts by state, ms |",
        "|---|---|---|---|---|",
    ]
    empty = found[next(iter(found))]
    for house, rounds in found.items():
        rates = [each.rate for each in rounds]
        ratio = median(a.rate / b.rate for a, b in zip(rounds, empty, strict=True))
        spread = f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"
        wanted = f"{house.goal:.1f}" if house.goal else ""
        counts = median(each.counts for each in rounds)
        lines.append(f"| {house.about} | {spread} | {ratio:.2f} | {wanted} | {counts:.1f} |")
    return "\n".join(lines) + "\n"


async def run(there: Place, houses: list[House], given: argparse.Namespace) -> dict[House, list[Figures]]:
    await there.make(PEER)
    for house in houses:
        await furnish(there, house)
    found: dict[House, list[Figures]] = {house: [] for house in houses}
    for number in range(given.rounds):
        for house in houses:
            found[house].append(await measure(there, house, given.tasks))
            print(f"round {number + 1} {house.name:20}{found[house][-1].rate:10,.0f} tasks/s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--finished", default="1000,10000,100000,1000000", help="one database for each")
    parser.add_argument("--queued", type=int, default=500_000)
    parser.add_argument("--held", type=float, default=180.0, help="seconds; 0: not measured")
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path, default=None, help="an SVG of the speed by the number of finished tasks")
    parser.add_argument("--append", type=Path, default=None, help="where the table goes, too")
    given = parser.parse_args()
    sizes = [int(each) for each in given.finished.split(",") if each]
    houses = [House("empty"), *(House(f"finished_{size}", finished=size) for size in sizes)]
    houses += [House(f"queued_{given.queued}", queued=given.queued)] if given.queued else []
    houses += [House("held", held=given.held)] if given.held else []
    with place() as there:
        found = asyncio.run(run(there, houses, given))
    page = report(found)
    print(page)
    if given.append is not None:
        with given.append.open("a") as results:
            results.write("\n" + page)
    if given.plot is not None:
        points = [(house.finished, median(each.rate for each in found[house])) for house in houses if house.finished]
        given.plot.write_text(plot("Tasks a second, by the number of finished tasks", points))


if __name__ == "__main__":
    main()
