"""One campaign: an installation under mixed load, struck by faults that a seed draws, and what came of it."""

import asyncio
import random
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from tests.chaos.campaign import checker
from tests.chaos.campaign.faults import CLOCK, FAULTS, OUTSIDE, Probe
from tests.chaos.campaign.installation import FAKETIME, Installation, installed, until_well
from tests.chaos.campaign.load import Programs
from tests.chaos.campaign.people import PEOPLE, PROBE, People
from tests.chaos.campaign.record import Record
from tests.chaos.campaign.strikes import Struck

REST = 0.5  # seconds between two faults, about
BEFORE = 2.0  # of load before the first
SETTLING = 120.0  # in which everything has to end that is not held
SLOW = 10.0  # of a recovery: then it is told where the time went


@dataclass
class Result:
    """Of one campaign. `bound`: seconds that a recovery may take; after twice as many nobody waits for it any more.
    `recovered`: (fault, seconds); `problems`: sentences; `broke_off`: it has not come to its check."""

    seed: int
    bound: float
    recovered: list[tuple[str, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    broke_off: bool = False


class Deck:
    """Faults in an order that the seed gives; each comes once before any comes twice."""

    def __init__(self, chance: random.Random, names: list[str]) -> None:
        self._chance, self._names, self._left = chance, names, list[str]()

    def draw(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self._names, len(self._names))
        return self._left.pop()


async def run(seed: int, seconds: float, bound: float, only: str = "") -> Result:
    """Whatever breaks in it is a problem of this campaign, and the next one can follow."""
    result = Result(seed, bound)
    try:
        await _run(seconds, only, result)
    except Exception as error:
        traceback.print_exc()
        result.broke_off = True
        result.problems.append(f"It broke off: {error!r}")
    return result


async def _run(seconds: float, only: str, result: Result) -> None:
    chance = random.Random(result.seed)
    async with installed() as installation:
        programs, people = Programs(installation, chance), People(installation, chance)
        enough, finished = asyncio.Event(), asyncio.Event()
        await programs.begin()
        jobs = [asyncio.create_task(programs.go_on(enough)), asyncio.create_task(people.go_on(finished))]
        await asyncio.sleep(BEFORE)
        await strike_for(seconds, installation, chance, result, only)
        enough.set()
        await jobs[0]
        print("       settling", flush=True)
        await settle(installation, people, result)
        finished.set()
        await asyncio.gather(*jobs)
        found = await checker.check(installation)
        result.problems += found.problems + installation.record.refused
        result.lost, result.doubled, result.figures = found.lost, found.doubled, found.figures
        for name, process in installation.processes.items():
            if "Traceback" in process.said() and name.startswith(("smtp", "http")):
                result.problems.append(f"{name}: {process.said()[-500:]}")


async def strike_for(seconds: float, of: Installation, chance: random.Random, result: Result, only: str) -> None:
    """Servers are struck one after the other, and the world outside beside them: so each meets each."""
    names = [name for name in FAULTS if only in name and (name != CLOCK or FAKETIME is not None)]
    outside = [name for name in names if name in OUTSIDE]
    servers = [name for name in names if name not in OUTSIDE]
    began = time.monotonic()

    async def lane(deck: Deck, chance: random.Random) -> None:
        while time.monotonic() < began + seconds:
            name = deck.draw()
            print(f"{time.monotonic() - began:5.1f} s  {name}", flush=True)
            await recover(of, name, await FAULTS[name].strike(of, chance), result)
            if name not in OUTSIDE:
                await until_well(of, 2 * result.bound)
            await asyncio.sleep(chance.uniform(0.5, 1.5) * REST)

    chances = [random.Random(chance.random()) for _ in (servers, outside)]
    drawn = [(Deck(each, some), each) for each, some in zip(chances, (servers, outside), strict=True) if some]
    await asyncio.gather(*(lane(*each) for each in drawn))


async def recover(of: Installation, name: str, struck: Struck, result: Result) -> None:
    """Wait until what was struck works again, and note how long that took."""
    probing = f"{PROBE}{time.monotonic_ns()}"
    try:
        async with asyncio.timeout(2 * result.bound):
            await asyncio.gather(probe(of, FAULTS[name].probe, probing), taken_over(of, struck))
    except TimeoutError:
        result.problems.append(f"{name}: nothing works again after {2 * result.bound:.0f} s")
    seconds = time.monotonic() - struck.at
    result.recovered.append((name, seconds))
    told = f"{name}: {seconds:.1f} s"
    if seconds > SLOW:
        told += f" ({await way_of(of, probing)})"
    print(f"         {told}", flush=True)
    if seconds > result.bound:
        result.problems.append(f"Not recovered within {result.bound:.0f} s: {told}")


async def way_of(of: Installation, probing: str) -> str:
    """Where the time of a probe went."""
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        rows = await of.sql(
            "SELECT e.verb, extract(epoch FROM now() - e.at)::float, e.reason FROM task_events e"
            " JOIN tasks t ON t.id = e.task_id WHERE t.subject = $1 OR t.title LIKE '%' || $1 ORDER BY e.id",
            probing,
        )
        return ", ".join(f"{verb} {ago:.1f} s ago{f': {reason[:80]}' if reason else ''}" for verb, ago, reason in rows)
    return "unknown"


async def taken_over(of: Installation, struck: Struck) -> None:
    """No task that the worker held still waits for it."""
    while struck.held:
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            ids, attempts = zip(*struck.held, strict=True)
            rows = await of.sql(
                "SELECT 1 FROM tasks t JOIN unnest($1::uuid[], $2::int[]) AS h(id, attempt) USING (id, attempt)"
                " WHERE t.state = 'running'",
                list(ids),
                list(attempts),
            )
            if not rows:
                return
        await asyncio.sleep(0.05)


async def probe(of: Installation, kind: Probe, name: str) -> None:
    """Something new goes the whole way, from a program to where it has an effect."""
    programs = Programs(of, random.Random(0))
    if kind == "mail":
        body = {"title": f"Send {name}", "recipients": [PEOPLE[0]]}
        await programs.ask(name, body)
        while not any(name in str(mail["Subject"]) for mail in of.record.mails()):
            await asyncio.sleep(0.1)
        return
    await programs.enqueue("chaos.work" if kind == "work" else "chaos.file", name, {"name": name})
    await until_succeeded(of, of.record.acknowledged[name])


async def until_succeeded(of: Installation, task_id: UUID) -> None:
    while True:
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            rows = await of.sql("SELECT 1 FROM tasks WHERE id = $1 AND state = 'succeeded'", task_id)
            if rows:
                return
        await asyncio.sleep(0.05)


_HURRY = (
    "UPDATE tasks SET run_at = now() WHERE state IN ('retrying', 'scheduled') AND run_at < now() + interval '50 min'"
)
_OPEN = (
    "SELECT kind, state, count(*) FROM tasks WHERE finished_at IS NULL"
    " AND NOT (state = 'scheduled' AND run_at > now() + interval '50 min') GROUP BY 1, 2"
)
_BEHIND = (
    "SELECT 1 FROM bulk_actions WHERE state = 'running' UNION ALL"
    " SELECT 1 FROM task_log WHERE xid >= (SELECT upto FROM log_followers ORDER BY upto LIMIT 1) LIMIT 1"
)


async def settle(of: Installation, people: People, result: Result) -> None:
    """Until nothing is under way. What waits for its next attempt need not wait any more."""
    ends = time.monotonic() + SETTLING
    quiet = 0
    while quiet < 3:
        await of.sql(_HURRY)
        left = [row for row in await of.sql(_OPEN) if row[1] not in ("pending_approval", "needs_input")]
        waiting = len(await undecided(of, of.record))
        busy = left or waiting or people.busy or await of.sql(_BEHIND)
        quiet = 0 if busy else quiet + 1
        if time.monotonic() > ends:
            told = ", ".join(f"{row[2]} of {row[0]} {row[1]}" for row in left)
            result.problems.append(f"Not everything has ended after {SETTLING:.0f} s: {told}; {waiting} undecided")
            return
        await asyncio.sleep(0.5)


async def undecided(of: Installation, record: Record) -> list[str]:
    """The titles of requests that people have not decided, and should have."""
    rows = await of.sql("SELECT title FROM approvals WHERE state = 'pending'")
    return [row[0] for row in rows if row[0] not in record.undecided and PROBE not in row[0]]
