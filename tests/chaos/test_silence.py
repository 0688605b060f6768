"""Real processes on a way to PostgreSQL that falls silent: a moved address, a NAT, a dead machine."""

import asyncio
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import func, select, text

import tests.chaos.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.workers import until, until_state
from tests.processes import ROOT, environment, free_port, web, worker
from tests.servers import Servers
from tests.silence import way_to

V1 = "/api/v1"
LEASE = 3


async def put(database: Database, name: str, seconds: float = 0.0, later: float = 0.0) -> UUID:
    async with database.write("system") as session:
        due = await session.scalar(select(func.now() + timedelta(seconds=later))) if later else None
        payload = {"name": name, "seconds": seconds}
        return await enqueue(session, TaskRequest(kind="chaos.two-steps", payload=payload, run_at=due))


async def test_a_worker_whose_connections_fall_silent_works_again_within_its_lease_and_five_seconds(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    port = free_port()
    with way_to(servers.database_url) as (way, url):
        environ = environment(servers, tmp_path, DATABASE_URL=url, LEASE_SECONDS=str(LEASE), METRICS_PORT=str(port))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as probe:
            with worker(environ, tmp_path / "worker.log") as process:
                through = await put(evidence, "through", seconds=1.5)

                async def stored() -> bool:
                    async with evidence.read() as session:
                        return bool(await session.scalar(text("SELECT count(*) FROM task_steps")))

                await until(stored)
                way.swallow()
                began = time.monotonic()
                after, due = await put(evidence, "after"), await put(evidence, "due", later=0.5)
                await until_state(evidence, after, "succeeded")
                took = time.monotonic() - began
                assert took < LEASE + 5, f"{took:.1f} s\n{process.said()[-3000:]}"
                await until_state(
                    evidence, due, "succeeded", seconds=20
                )  # the sweeper finds it, with limits of minutes
                assert (await until_state(evidence, through, "succeeded")).failures == 0
                assert (await probe.get("/livez")).status_code == (await probe.get("/readyz")).status_code == 200
                assert process.said().count("database_silent") == 1, process.said()
                assert "Traceback" not in process.said()
                way.swallow(new=True)

                async def unready() -> bool:
                    return (await probe.get("/readyz")).status_code == 503

                await until(unready, LEASE + 5)
                began = time.monotonic()
                assert process.stop() == 0, process.said()[-3000:]
                assert time.monotonic() - began < 25


async def test_a_web_request_on_a_silent_connection_ends_and_the_next_one_works(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    port = free_port()
    with way_to(servers.database_url) as (way, url):
        environ = environment(servers, tmp_path, DATABASE_URL=url, BASE_URL=f"http://127.0.0.1:{port}")
        command(environ, "user", "add", "ann@example.org", "--admin")
        token = command(environ, "token", "create", "ann@example.org")
        headers = {"Authorization": f"Bearer {token}"}
        with web(environ, tmp_path / "web.log", port) as server:
            async with httpx.AsyncClient(base_url=environ["BASE_URL"], headers=headers, timeout=30) as program:

                async def get(path: str) -> tuple[int, float]:
                    began = time.monotonic()
                    answer = await program.get(path)
                    assert answer.status_code != 503 or path == "/readyz" or answer.headers["retry-after"]
                    return answer.status_code, time.monotonic() - began

                for status, _ in await asyncio.gather(*(get(f"{V1}/tasks") for _ in range(8))):
                    assert status == 200

                async def make() -> int:
                    return (await program.post(f"{V1}/tasks", json={"kind": "sample.task", "payload": {}})).status_code

                async with program.stream("GET", f"{V1}/events") as stream:
                    lines = stream.aiter_lines()
                    assert await make() == 201
                    await event(lines)
                    told = asyncio.create_task(event(lines))
                    way.swallow()
                    ends = await asyncio.gather(*(get(f"{V1}/tasks") for _ in range(4)))
                    assert {status for status, _ in ends} <= {200, 503} and max(took for _, took in ends) < 10, ends
                    for _ in range(6):
                        status, took = await get(f"{V1}/tasks")
                        assert status == 200 and took < 3, server.said()[-3000:]
                    assert await make() == 201
                    async with asyncio.timeout(15):
                        await told
                way.swallow(new=True)
                for _ in range(2):
                    status, took = await get("/readyz")
                    assert status == 503 and took < 4
                assert (await get("/livez"))[0] == 200
                way.let_through()

                async def ready() -> bool:
                    return (await get("/readyz"))[0] == 200

                await until(ready)
        assert "Traceback" not in server.said()


async def event(lines) -> str:  # type: ignore[no-untyped-def]
    async for line in lines:
        if line.startswith("data:"):
            return str(line)
    raise AssertionError("the stream ended")


def command(environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "holdgate.cli", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
