"""What open pages cost: statements a second of one web process with 300 listeners to GET /events, and its answers.

The web server is a process of its own on real servers. PostgreSQL logs every statement of that database; the lines are
counted over some seconds with no listener and with all of them, BEGIN and ROLLBACK included. Meanwhile a signed-in
person opens the page of tasks again and again, timed in both.

Usage: python -m bench.live [listeners] [seconds]
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from statistics import quantiles

import asyncpg
import httpx
from sqlalchemy.engine import make_url

from holdgate.accounts import queries, service
from holdgate.core.db import Database
from holdgate.core.tokens import digest, mint
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from tests import processes
from tests.servers import Servers

HOME = Path(".holdgate/bench")
LOG = HOME / "postgres.log"


async def sign_in(database_url: str) -> str:
    """The value of a session cookie."""
    database = Database(database_url, name="bench")
    token = mint()
    async with database.write("system") as session:
        user = await service.add_user(session, "bench@example.org", admin=True)
        await queries.insert_session(session, digest(token), user.id, address="", user_agent="bench")
    await database.dispose()
    return token


async def listen(client: httpx.AsyncClient, heard: list[int]) -> None:
    async with client.stream("GET", "/events") as answer:
        assert answer.status_code == 200
        heard.append(1)
        async for _ in answer.aiter_lines():
            pass


def statements() -> int:
    return sum("statement: " in line or "execute " in line for line in LOG.read_text(errors="replace").splitlines())


async def measured(seconds: float) -> float:
    """Statements a second that the idle server sends."""
    before, began = statements(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (statements() - before) / (time.perf_counter() - began)


async def opened(client: httpx.AsyncClient, times: int = 100) -> float:
    """The 95th percentile, in milliseconds, of opening the page of tasks."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        (await client.get("/tasks")).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return quantiles(taken, n=20)[18]


async def bench(url: str, environ: dict[str, str], listeners: int, seconds: float) -> None:
    cookies = {"hg_session": await sign_in(url)}
    parsed = make_url(url)
    admin = await asyncpg.connect(url.replace("+asyncpg", ""))
    await admin.execute(f"ALTER DATABASE {parsed.database} SET log_statement = 'all'")
    await admin.close()
    port = processes.free_port()
    limits = httpx.Limits(max_connections=None)
    base = f"http://127.0.0.1:{port}"
    with processes.web({**environ, "BASE_URL": base}, HOME / "web.log", port):
        async with httpx.AsyncClient(base_url=base, cookies=cookies, timeout=None, limits=limits) as client:
            alone = await opened(client)
            quiet = await measured(seconds)
            heard: list[int] = []
            streams = [asyncio.create_task(listen(client, heard)) for _ in range(listeners)]
            while len(heard) < listeners:
                await asyncio.sleep(0.05)
            crowded = await measured(seconds)
            among = await opened(client)
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
    print(f"{listeners} listeners: {crowded - quiet:.2f} more statements a second ({quiet:.2f} -> {crowded:.2f})")
    print(f"/tasks p95: {alone:.1f} ms with nobody listening, {among:.1f} ms with {listeners}")
    if crowded - quiet > 2:
        raise SystemExit("more than 2 a second")


def main() -> None:
    listeners = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    HOME.mkdir(parents=True, exist_ok=True)
    url, redis = postgres.start(HOME, fast=True), valkey.start(HOME)
    url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    try:
        name = f"live_{os.getpid()}"
        asyncio.run(create(url, name))
        url = make_url(url).set(database=name).render_as_string(hide_password=False)
        migrate(url)
        environ = processes.environment(Servers(url, redis), HOME)
        asyncio.run(bench(url, environ, listeners, seconds))
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)


async def create(url: str, name: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


if __name__ == "__main__":
    main()
