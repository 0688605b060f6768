"""Tasks that hold on a person, from enqueueing to their end: how many a second, and statements for each.

A task runs a step, asks for an approval, is decided, runs another step and is done. Emails are left out: no worker
serves their queue. One worker process, and in this one those who enqueue, as a program does on a connection of its own,
and those who decide, 16 at a time. Statements are counted in the server's log in a run of its own: with BEGIN and
COMMIT, and all that a worker does beside the tasks.

Usage: python -m bench.journeys [--journeys 1000] [--rounds 3] [--append bench/RESULTS.md]
"""

import argparse
import asyncio
import shutil
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from redis.asyncio import Redis
from sqlalchemy import select, text

from bench.idle import count
from holdgate.accounts.service import add_user
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import load
from holdgate.core.db import Database
from holdgate.core.postgres.connections import connection_string
from holdgate.core.principal import Principal
from holdgate.embedded import postgres, valkey
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.doorbell import Doorbell
from holdgate.schema import migrate
from holdgate.tasks.kinds import kind
from tests.processes import environment, worker
from tests.servers import Servers

HOME = Path(".holdgate/bench-journeys")
AT_ONCE = 16
PATIENCE = 120  # seconds for the journeys of a round


_PENDING = select(Approval.id, Approval.version, Approval.owner_id).where(Approval.state == ApprovalState.PENDING)


class Asked(NamedTuple):
    """A request, and who decides it."""

    id: UUID
    version: str
    person: Principal


class Wanted(msgspec.Struct):
    number: int


async def one() -> int:
    return 1


@kind("bench.holds")
async def holds(ctx: Context, wanted: Wanted) -> None:
    number = await ctx.step("before", one)
    await ctx.approval("go", title="May it go on?", show={"number": wanted.number + number}, take_back=timedelta())
    await ctx.step("after", one)


async def travel(database: Database, programs: list[asyncpg.Connection], journeys: int) -> float:
    """Seconds for all of them. `programs`: connections of those who enqueue."""
    people = []
    async with database.write("system") as session:
        for number in range(journeys // 5 + 1):  # nobody has more open than they can read at once
            person = await add_user(session, f"person{time.time_ns()}-{number}@example.org")
            people.append(Principal(person.id, person.email, person.name, "member"))
    waiting: asyncio.Queue[Asked] = asyncio.Queue()
    owners = {person.id: person for person in people}
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(_find(database, waiting, owners, journeys))
        for at, program in enumerate(programs):
            group.create_task(_enqueue(program, people, range(at, journeys, AT_ONCE)))
            group.create_task(_decide(database, waiting, len(range(at, journeys, AT_ONCE))))
    await _wait(database)
    return time.monotonic() - began


async def _enqueue(connection: asyncpg.Connection, people: list[Principal], numbers: range) -> None:
    for number in numbers:
        await holds.enqueue(connection, Wanted(number), owner=people[number // 5].id)


async def _find(
    database: Database,
    waiting: "asyncio.Queue[Asked]",
    owners: dict[UUID, Principal],
    journeys: int,
) -> None:
    """Stands for the people who look at their inbox."""
    seen: set[UUID] = set()
    while len(seen) < journeys:
        async with database.read_one() as session:
            found = await session.execute(_PENDING)
        for id, version, owner in found:
            if id not in seen and owner in owners:
                seen.add(id)
                waiting.put_nowait(Asked(id, version, owners[owner]))
        await asyncio.sleep(0.1)


async def _decide(
    database: Database,
    waiting: "asyncio.Queue[Asked]",
    number: int,
) -> None:
    for _ in range(number):
        asked = await waiting.get()
        async with database.write(asked.person.actor) as session:
            decision = Decision(version=asked.version, verb=ApprovalVerb.APPROVE)
            await deciding.decide_signed_in(session, asked.person, asked.id, decision, source="bench")


async def _wait(database: Database) -> None:
    left = text("SELECT EXISTS (SELECT FROM tasks WHERE kind = 'bench.holds' AND finished_at IS NULL)")
    while True:
        async with database.read_one() as session:
            if not (await session.execute(left)).scalar_one():
                return
        await asyncio.sleep(0.05)


async def measure(url: str, redis_url: str, scope: str, given: argparse.Namespace) -> None:
    redis = Redis.from_url(redis_url)
    database = Database(url, name="bench", pool_size=2 * AT_ONCE + 2, announce=Doorbell(redis, scope).announce)
    named = {"application_name": "bench"}
    programs = [await asyncpg.connect(connection_string(url), server_settings=named) for _ in range(AT_ONCE)]
    await travel(database, programs, 50)  # processes start, connections open
    rates = [given.journeys / await travel(database, programs, given.journeys) for _ in range(given.rounds)]
    page = f"# Tasks that hold on a person\n\n{median(rates):.0f} a second ({min(rates):.0f}–{max(rates):.0f}). "
    log = HOME / "postgres.log"
    await _log_statements(database, "all")
    at = log.stat().st_size
    await travel(database, programs, given.journeys)
    _, found = count(log, at)
    await _log_statements(database, "none")
    page += "Statements for each: "
    page += ", ".join(f"{name} {number / given.journeys:.1f}" for name, number in sorted(found.items())) + ".\n"
    print(page)
    if given.append is not None:
        with given.append.open("a") as results:
            results.write("\n" + page)
    for program in programs:
        await program.close()
    await database.dispose()
    await redis.aclose()


async def _log_statements(database: Database, which: str) -> None:
    async with database.autocommit() as connection:
        for name, value in (("log_statement", which), ("log_line_prefix", "%a: ")):
            await connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
        await connection.execute(text("SELECT pg_reload_conf()"))
    await asyncio.sleep(0.5)  # until every server process has read it


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.journeys", description=__doc__)
    parser.add_argument("--journeys", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--append", type=Path, default=None, help="where the figures go, too")
    given = parser.parse_args()
    try:
        servers = Servers(postgres.start(HOME), valkey.start(HOME))
        migrate(servers.database_url)
        more = {"KINDS": "bench.journeys", "QUEUES": "default:200", "LOG_LEVEL": "warning"}
        environ = environment(servers, HOME, **more)
        with worker(environ, HOME / "worker.log"):
            asyncio.run(measure(servers.database_url, servers.redis_url, load(environ).doorbell_scope, given))
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
