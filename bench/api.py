"""Requests a second of the API beside a bare Litestar handler that does the same: the single INSERT, the single SELECT.

Both in one process each, on the same servers, asked by the same clients over loopback, in turn, round after round; the
ratio of a round is what to look at. The bare handler has no token, no limits, no check of the payload, no log
and no problem answers: that is what the ratio costs. Goal: 0.7 and more.

Usage: python -m bench.api [requests per measurement] [rounds]
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromPath

import holdgate.kinds.email_send
import holdgate.kinds.sample_task  # noqa: F401
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from holdgate.tasks.queue import inserting
from holdgate.tasks.requests import TaskInsert
from holdgate.tasks.schemas import detail
from holdgate.tasks.search import lists
from tests.processes import free_port

HOME = Path(".holdgate/bench")
CLIENTS = 8
GOAL = 0.7
BODY = {"kind": "sample.task", "payload": {"steps": 1}, "title": "A task"}


def bare() -> Litestar:
    """What `uvicorn --factory bench.api:bare` serves."""
    database = Database(os.environ["DATABASE_URL"], name="bench bare", pool_size=10)

    @post("/tasks", status_code=201)
    async def create(request: Request[None, None, None]) -> Response[bytes]:  # type: ignore[type-var]
        given = msgspec.json.decode(await request.body())
        row = TaskInsert(
            id=uuid7(),
            kind=given["kind"],
            payload=msgspec.json.encode(given["payload"]).decode(),
            queue="default",
            priority=50,
            max_attempts=3,
            title=given["title"],
        )
        async with database.write("bench") as session:
            await inserting.insert_tasks(session, [row])
        return Response(msgspec.json.encode({"id": row.id}), media_type="application/json")

    @get("/tasks/{task_id:uuid}")
    async def read(task_id: FromPath[UUID]) -> Response[bytes]:
        async with database.read() as session:
            task = await lists.find_task(session, task_id, None)
        return Response(msgspec.json.encode(detail(task)), media_type="application/json")

    return Litestar([create, read], logging_config=None, openapi_config=None)


@contextmanager
def serving(factory: str, environ: dict[str, str]) -> Iterator[str]:
    """A web server process at the usual settings; its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), "--no-access-log"]
    with (HOME / "web.log").open("ab") as log:
        process = subprocess.Popen([*command, "--log-level", "warning"], env=environ, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(base, timeout=1)
                break
            except httpx.TransportError:
                assert process.poll() is None, (HOME / "web.log").read_text()[-2000:]
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(10)


class Client:
    """HTTP/1.1 by hand on kept connections: a client that costs more than the server would measure itself."""

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        self._host, _, port = base.removeprefix("http://").partition(":")
        self._port = int(port)
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def rate(self, method: str, path: str, body: bytes, requests: int) -> float:
        """Requests a second of all clients together."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{self._headers}"
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        whole = f"{head}{length}\r\n".encode() + body
        began = time.perf_counter()
        await asyncio.gather(*(self._run(whole, requests // CLIENTS) for _ in range(CLIENTS)))
        return requests / (time.perf_counter() - began)

    async def _run(self, request: bytes, times: int) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        for _ in range(times):
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer[9:12] in (b"200", b"201"), answer
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()


async def prepare(url: str) -> tuple[str, str]:
    """A token of a person with rows, and a task of theirs."""
    database = Database(url, name="bench")
    async with database.write("bench") as session:
        person = await add_user(session, "bench@example.org")
    async with database.write("bench") as session:
        token = await create_token(session, person.id, name=str(uuid7()), scopes=USUAL)
        row = TaskInsert(
            id=uuid7(), kind="sample.task", payload="{}", queue="off", priority=1, max_attempts=1, owner_id=person.id
        )
        await inserting.insert_tasks(session, [row])
    await database.dispose()
    return token, str(row.id)


async def compare(ours: str, bare_: str, token: str, task: str, requests: int, rounds: int) -> dict[str, list[float]]:
    """Ratios by what was asked."""
    clients = Client(ours, {"Authorization": f"Bearer {token}"}), Client(bare_, {})
    body = msgspec.json.encode(BODY)
    asked = {
        "create a task": ("POST", "/api/v1/tasks", "/tasks", body),
        "read a task": ("GET", f"/api/v1/tasks/{task}", f"/tasks/{task}", b""),
    }
    found: dict[str, list[float]] = {name: [] for name in asked}
    for name, (method, path, short, sent) in asked.items():
        for client, where in zip(clients, (path, short), strict=True):
            await client.rate(method, where, sent, requests // 4)  # warm
        for number in range(rounds):
            mine = await clients[0].rate(method, path, sent, requests)
            theirs = await clients[1].rate(method, short, sent, requests)
            found[name].append(mine / theirs)
            print(f"{name}, round {number + 1}: API {mine:,.0f}/s, bare {theirs:,.0f}/s, {mine / theirs:.2f}")
    return found


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    url, redis = postgres.start(HOME, fast=True), valkey.start(HOME)
    url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    try:
        migrate(url)
        token, task = asyncio.run(prepare(url))
        environ = {
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": redis,
            "RATE_LIMIT_MAX": "1000000",
            # As in production: a log line of JSON for each request.
            "ENVIRONMENT": "production",
            "SECRET_KEY": "a-key-for-bench-only-0123456789abcdef",
            "BASE_URL": "http://127.0.0.1",
            "SMTP_URL": "smtp://127.0.0.1:1",
            "MAIL_FROM": "bench@example.org",
        }
        with serving("holdgate.asgi:create", environ) as ours, serving("bench.api:bare", environ) as bare_:
            found = asyncio.run(compare(ours, bare_, token, task, requests, rounds))
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)
    for name, ratios in found.items():
        print(f"{name}: median {median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}), goal {GOAL}")
    sys.exit(0 if all(median(ratios) >= GOAL for ratios in found.values()) else 1)


if __name__ == "__main__":
    main()
