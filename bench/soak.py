"""Pages and API at a given number of requests a second while workers work: answers, memory before and after.

An open loop: requests go out by the clock, whatever the answers do; what starts later than it should is counted as
late. Two web servers and a worker; a feeder keeps so many tasks ready that the worker never waits, or with --work
enqueues so many a second. Memory is what the processes hold (RSS) after a warm-up and at the end.

Exit status 1: a request without an answer or with another one than 2xx, a memory that has grown by more than a tenth
and 20 MB, or a p99 above the bound.

Usage: python -m bench.soak [--seconds 120 | --hours 1] [--rate 200] [--work 0] [--bound 1.0]
"""

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
import msgspec
from sqlalchemy import text

from bench.history import write_history
from bench.pages import found
from holdgate.core.db import Database
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.programs import ALL, token_for
from tests.processes import Process, environment, free_port, web
from tests.servers import Servers

HOME = Path(".holdgate/bench-soak")
HISTORY = 5_000  # tasks there before
WARM_UP = 15.0  # seconds before memory is looked at
ROOM = 500  # tasks that are kept ready
AT_ONCE = 64  # connections; more requests under way are late
IDLE = 2.0  # seconds after which a connection is not used again
MORE_MEMORY = 1.1, 20.0  # so many times, and so many MB beside

_READY = text(
    "SELECT count(*) FROM (SELECT FROM tasks WHERE state = 'queued' AND kind = 'sample.task' LIMIT 1000) AS q"
)
_DONE = text("SELECT count(*) FROM task_events WHERE verb = 'succeed'")
_OWNER = text("SELECT id FROM users WHERE role = 'admin'")


@dataclass
class Seen:
    """Of all requests."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    late: int = 0


class Connections:
    """HTTP/1.1 by hand on kept connections: a client that costs more than the server would measure itself."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = itertools.cycle(ports)
        # With the time since which each is idle, the newest last: the server ends those that are so for five seconds.
        self._free: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.under_way = 0

    async def ask(self, request: bytes) -> int:
        """The status of the whole answer."""
        self.under_way += 1
        try:
            reader, writer = await self._connection()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, length = head.partition(b"content-length: ")
            await reader.readexactly(int(length.partition(b"\r\n")[0] or 0))
            if b"connection: close" in head:
                writer.close()
            else:
                self._free.append((time.monotonic(), reader, writer))
            return int(head[9:12])
        finally:
            self.under_way -= 1

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            since, reader, writer = self._free.pop()
            if time.monotonic() - since < IDLE:
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", next(self._ports))


async def send(connections: Connections, requests: list[bytes], rate: float, seconds: float, seen: Seen) -> None:
    """By the clock, each in turn."""
    jobs: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        began = time.perf_counter()
        request = requests[number % len(requests)]
        try:
            async with asyncio.timeout(30):
                status = await connections.ask(request)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            seen.failed.append(repr(error))
            return
        seen.seconds.append(time.perf_counter() - began)
        seen.statuses[status] += 1
        if status >= 500:
            seen.failed.append(f"{status} {request.partition(b' HTTP')[0].decode()}")

    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        wait = began + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        seen.late += wait < -1.0 or connections.under_way >= AT_ONCE
        job = asyncio.create_task(one(number))
        jobs.add(job)
        job.add_done_callback(jobs.discard)
    await asyncio.gather(*jobs)


async def feed(database: Database, work: float) -> None:
    """Tasks for the workers, for ever."""
    request = TaskRequest(kind="sample.task", payload={"steps": 0})
    while True:
        async with database.write("bench") as session:
            room = work / 2 if work else ROOM - (await session.scalar(_READY) or 0)
            if room > 0:
                await enqueue_many(session, [request] * int(room))
        await asyncio.sleep(0.5 if work else 0.02)


def memory(pid: int) -> float:
    """MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def requests_of(port: int, cookie: str, token: str) -> list[bytes]:
    """Pages and calls in turn, one call in eight makes a task."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies={"hg_session": cookie}, timeout=60) as client:
        task = found(client, "/tasks?state=succeeded", 'href="/tasks/([0-9a-f-]{36})"')
        run = found(client, "/runs", 'href="/runs/([0-9a-f-]{36})"')
    pages = ["/overview", "/tasks", f"/tasks/{task}", "/runs", f"/runs/{run}", "/approvals", "/dead-letters", "/queues"]
    calls = [
        "/tasks?limit=20",
        f"/tasks/{task}",
        "/runs",
        "/approvals",
        f"/tasks/{task}/events",
        f"/runs/{run}",
        "/kinds",
    ]
    body = msgspec.json.encode({"kind": "sample.task", "payload": {"steps": 1}})

    def head(method: str, path: str, *lines: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, "", ""]).encode()

    bearer = f"Authorization: Bearer {token}"
    asked = [head("GET", path, f"Cookie: hg_session={cookie}") for path in pages]
    told = [head("GET", f"/api/v1{path}", bearer) for path in calls]
    length = f"Content-Length: {len(body)}"
    told.append(head("POST", "/api/v1/tasks", bearer, "Content-Type: application/json", length) + body)
    return [request for pair in zip(asked, told, strict=True) for request in pair]


async def soak(database: Database, processes: dict[str, int], ports: list[int], given: argparse.Namespace) -> bool:
    cookie = await write_history(database, HISTORY)
    async with database.write("bench") as session:
        token = await token_for(session, (await session.execute(_OWNER)).scalar_one(), ALL)
        before = await session.scalar(_DONE) or 0
    requests = await asyncio.to_thread(requests_of, ports[0], cookie, token)
    connections, warm, seen = Connections(ports), Seen(), Seen()
    feeding = asyncio.create_task(feed(database, given.work))
    try:
        await send(connections, requests, given.rate, WARM_UP, warm)
        first = {name: memory(pid) for name, pid in processes.items()}
        began = time.perf_counter()
        await send(connections, requests, given.rate, given.seconds, seen)
        took = time.perf_counter() - began
        last = {name: memory(pid) for name, pid in processes.items()}
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding
    async with database.read() as session:
        done = (await session.scalar(_DONE) or 0) - before
    return tell(seen, took, done / (took + WARM_UP), (first, last), given.bound)


def tell(
    seen: Seen, took: float, work: float, memories: tuple[dict[str, float], dict[str, float]], bound: float
) -> bool:
    """Whether it is as it should be."""
    cuts = quantiles(seen.seconds, n=100, method="inclusive")
    print(f"{len(seen.seconds):,} answers in {took:.0f} s, {len(seen.seconds) / took:.0f}/s, {seen.late} late")
    print(f"statuses: {dict(sorted(seen.statuses.items()))}; without an answer: {len(seen.failed)} {seen.failed[:3]}")
    print(f"p50 {median(seen.seconds):.3f} s, p95 {cuts[94]:.3f}, p99 {cuts[98]:.3f}, at most {max(seen.seconds):.3f}")
    print(f"tasks done: {work:,.0f}/s")
    flat = True
    for name, before in memories[0].items():
        after = memories[1][name]
        print(f"{name}: {before:.0f} MB after the warm-up, {after:.0f} MB at the end")
        flat = flat and after <= before * MORE_MEMORY[0] + MORE_MEMORY[1]
    well = not seen.failed and all(status < 300 for status in seen.statuses)
    return well and flat and cuts[98] <= bound


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--work", type=float, default=0.0, help="tasks a second; 0: as many as the worker does")
    parser.add_argument("--bound", type=float, default=1.0, help="seconds of the 99th percentile")
    given = parser.parse_args()
    given.seconds = given.hours * 3600 or given.seconds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(shutil.rmtree, HOME, ignore_errors=True)
        stack.callback(valkey.stop, HOME)
        stack.callback(postgres.stop, HOME)
        servers = Servers(postgres.start(HOME), valkey.start(HOME))
        migrate(servers.database_url)
        environ = environment(servers, HOME, KINDS="", LOG_LEVEL="warning", RATE_LIMIT_MAX="1000000")
        ports = [free_port(), free_port()]
        processes = {
            f"web {n}": stack.enter_context(web(environ, folder / f"web-{n}.log", port, by_command=True)).pid
            for n, port in enumerate(ports)
        }
        worker = Process(folder / "worker.log", environ, "arq", "holdgate.worker.WorkerSettings")
        stack.callback(worker.kill)
        processes["worker"] = worker.pid
        database = Database(servers.database_url, name="bench", pool_size=4)
        well = asyncio.run(soak(database, processes, ports, given))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
