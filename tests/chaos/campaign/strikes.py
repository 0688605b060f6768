"""How faults strike: each lasts for a while and is lifted.

Recovery is measured from the moment at which the cause is over. For a worker that is killed or stopped that is the
moment of the signal, and what it held must have been taken over.
"""

import asyncio
import os
import random
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from redis.asyncio import Redis

from holdgate.embedded import postgres, valkey
from tests.chaos.campaign.installation import FAKETIME, LEASE, Installation

Held: TypeAlias = list[tuple[Any, int]]  # tasks and their attempts


@dataclass(frozen=True)
class Struck:
    """`at`: when recovery begins to count, by time.monotonic(). `held`: what the struck worker had."""

    at: float
    held: tuple[tuple[Any, int], ...] = ()


Strike: TypeAlias = Callable[[Installation, random.Random], Awaitable[Struck]]


def now() -> Struck:
    return Struck(time.monotonic())


def worker_of(chance: random.Random) -> str:
    return f"worker-{chance.randrange(2)}"


async def held_by(of: Installation, name: str) -> Held:
    rows = await of.sql(
        "SELECT t.id, t.attempt FROM tasks t JOIN workers w ON w.id = t.worker_id"
        " WHERE w.pid = $1 AND t.state = 'running'",
        of.processes[name].pid,
    )
    return [(row[0], row[1]) for row in rows]


async def kill_worker(of: Installation, chance: random.Random) -> Struck:
    name = worker_of(chance)
    held = await held_by(of, name)
    of.processes[name].kill()
    struck = Struck(time.monotonic(), tuple(held))
    of.start(name)
    return struck


async def stop_worker_for_long(of: Installation, chance: random.Random) -> Struck:
    """Longer than its lease: another one takes over, and then it goes on."""
    name = worker_of(chance)
    held = await held_by(of, name)
    of.processes[name].send(signal.SIGSTOP)
    struck = Struck(time.monotonic(), tuple(held))
    await asyncio.sleep(LEASE + 2)
    of.processes[name].send(signal.SIGCONT)
    return struck


async def end_worker(of: Installation, chance: random.Random) -> Struck:
    name = worker_of(chance)
    status = await asyncio.to_thread(of.processes[name].stop)
    assert status == 0, f"{name} ended with {status}: {of.processes[name].said()[-2000:]}"
    of.start(name)
    return now()


async def worker_with_wrong_clock(of: Installation, chance: random.Random) -> Struck:
    """Hours ahead or behind, by libfaketime; of a day it could enqueue nothing."""
    name = worker_of(chance)
    await asyncio.to_thread(of.processes[name].stop)
    ahead = chance.choice(("+3h", "-3h", "+20h"))
    of.start(name, LD_PRELOAD=str(FAKETIME), FAKETIME=ahead, FAKETIME_DONT_FAKE_MONOTONIC="1")
    await asyncio.sleep(8)
    await asyncio.to_thread(of.processes[name].stop)
    of.start(name)
    return now()


async def kill_web(of: Installation, chance: random.Random) -> Struck:
    name = f"web-{chance.randrange(2)}"
    of.processes[name].kill()
    struck = now()
    of.start(name)
    return struck


async def end_web(of: Installation, chance: random.Random) -> Struck:
    name = f"web-{chance.randrange(2)}"
    await asyncio.to_thread(of.processes[name].stop)
    of.start(name)
    return now()


async def stop_web(of: Installation, chance: random.Random) -> Struck:
    name = f"web-{chance.randrange(2)}"
    of.processes[name].send(signal.SIGSTOP)
    await asyncio.sleep(3)
    of.processes[name].send(signal.SIGCONT)
    return now()


def restart_postgres(number: signal.Signals) -> Strike:
    async def strike(of: Installation, chance: random.Random) -> Struck:
        os.kill(of.postmaster(), number)
        with suppress(OSError, IndexError):
            while True:
                os.kill(of.postmaster(), 0)
                await asyncio.sleep(0.05)
        await asyncio.sleep(chance.uniform(0.0, 3.0))
        await asyncio.to_thread(postgres.start, of.home)
        return now()

    return strike


_OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'holdgate%' AND pid <> pg_backend_pid()"


async def kill_backend(of: Installation, chance: random.Random) -> Struck:
    """-9: PostgreSQL ends all the others and recovers."""
    rows = await of.sql(_OURS)
    if rows:
        os.kill(chance.choice(rows)[0], signal.SIGKILL)
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError, TimeoutError):
                await of.sql("SELECT 1")
                return now()
            await asyncio.sleep(0.1)


async def terminate_backends(of: Installation, chance: random.Random) -> Struck:
    """Half of them."""
    await of.sql(f"SELECT pg_terminate_backend(pid) FROM ({_OURS}) AS ours WHERE random() < 0.5")
    return now()


async def silence(of: Installation, chance: random.Random) -> Struck:
    """What is open falls silent and stays so; what is opened anew is silent for a while."""
    of.way.swallow(new=True)
    await asyncio.sleep(chance.uniform(0.5, 4.0))
    of.way.let_through()
    return now()


async def lock_tables(of: Installation, chance: random.Random) -> Struck:
    table, lasts = chance.choice(("tasks", "approvals", "task_log", "workers")), chance.uniform(1.0, 4.0)
    await hold_open(of, lasts, "SET LOCAL lock_timeout = '5s'", f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    return now()


async def long_transaction(of: Installation, chance: random.Random) -> Struck:
    """It has a number, so nothing newer is folded or told until it has ended."""
    await hold_open(of, chance.uniform(4.0, 8.0), "SELECT pg_current_xact_id()")
    return now()


async def hold_open(of: Installation, seconds: float, *statements: str) -> None:
    """A transaction. PostgreSQL may end it, when another fault strikes beside this one."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection = await of.connect()
        try:
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
                await asyncio.sleep(seconds)
        finally:
            await connection.close(timeout=5)


async def kill_valkey(of: Installation, chance: random.Random) -> Struck:
    os.kill(of.valkey_pid(), signal.SIGKILL)
    await asyncio.sleep(chance.uniform(0.0, 4.0))
    await asyncio.to_thread(valkey.start, of.home)
    return now()


async def freeze_valkey(of: Installation, chance: random.Random) -> Struck:
    pid = of.valkey_pid()
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(1.0, 5.0))
    os.kill(pid, signal.SIGCONT)
    return now()


def tell_valkey(*command: Any, lasts: float = 0.0) -> Strike:
    async def strike(of: Installation, chance: random.Random) -> Struck:
        client = Redis.from_url(of.redis_url, socket_timeout=5)
        await client.execute_command(*command)
        await client.aclose()
        await asyncio.sleep(lasts)
        return now()

    return strike


def outside(name: str, mood: str, lasts: float = 4.0) -> Strike:
    async def strike(of: Installation, chance: random.Random) -> Struck:
        of.mood(name, mood)
        await asyncio.sleep(lasts)
        of.mood(name, "")
        return now()

    return strike


def kill_outside(name: str) -> Strike:
    """In the middle of whatever it was being told."""

    async def strike(of: Installation, chance: random.Random) -> Struck:
        of.processes[name].kill()
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        of.start(name)
        return now()

    return strike


async def store_refuses(of: Installation, chance: random.Random) -> Struck:
    """Nothing can be written there: where the directory was is a file."""
    of.artifacts.mkdir(exist_ok=True)
    aside = of.artifacts.with_suffix(".aside")
    of.artifacts.rename(aside)
    of.artifacts.write_text("")
    await asyncio.sleep(4)
    of.artifacts.unlink()
    aside.rename(of.artifacts)
    return now()


async def store_full(of: Installation, chance: random.Random) -> Struck:
    """Writing breaks off in the middle of a file, as on a full disk."""
    limits = {}
    for name in ("worker-0", "worker-1"):
        pid = of.processes[name].pid
        limits[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (200_000, limits[pid][1]))
    await asyncio.sleep(4)
    for pid, limit in limits.items():
        with suppress(ProcessLookupError):  # killed meanwhile
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    return now()
