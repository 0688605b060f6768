"""Real processes that are told to end, whatever their handlers, their readers and Redis do."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

import holdgate.kinds.email_send  # noqa: F401
import tests.chaos.kinds  # noqa: F401
from holdgate.accounts.queries import insert_session
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.core.db import Database
from holdgate.core.tokens import digest, mint
from holdgate.embedded import valkey
from holdgate.tasks.service import TaskRequest, enqueue
from tests import processes
from tests.factories.workers import task_of, until, until_state, verbs_of
from tests.processes import ROOT, environment, worker
from tests.servers import Servers


async def put(database: Database, kind: str, seconds: float = 60.0) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind=kind, payload={"name": kind, "seconds": seconds}))


async def at_work(database: Database, *names: str) -> None:
    """Until the handlers have said that they work."""

    async def seen() -> bool:
        async with database.read() as session:
            return set((await session.execute(text("SELECT name FROM evidence"))).scalars()) >= set(names)

    await until(seen)


@contextmanager
def own_valkey(home: Path) -> Iterator[tuple[str, int]]:
    """Its URL and its process."""
    url = valkey.start(home)
    pid = int((home / "valkey" / "valkey.pid").read_text())
    try:
        yield url, pid
    finally:
        os.kill(pid, signal.SIGCONT)
        valkey.stop(home)


async def test_a_worker_starts_works_and_ends_while_redis_takes_connections_and_is_silent(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    with own_valkey(tmp_path / "own") as (url, pid):
        os.kill(pid, signal.SIGSTOP)
        environ = environment(servers, tmp_path, REDIS_URL=url, SHUTDOWN_GRACE="1")
        with worker(environ, tmp_path / "worker.log") as process:
            await until_state(evidence, await put(evidence, "chaos.two-steps", 0), "succeeded")
            os.kill(pid, signal.SIGCONT)
            redis = Redis.from_url(url)
            await until(lambda: listening(redis))
            await redis.aclose()
            os.kill(pid, signal.SIGSTOP)  # and now the connections that there are
            held = await put(evidence, "chaos.two-steps")
            await until_state(evidence, held, "running")
            process.send(signal.SIGTERM)
            await until(lambda: said(process, "worker_ending"))
            late = await put(evidence, "chaos.two-steps", 0)
            assert process.stop() == 0, process.said()
    assert await verbs_of(evidence, held) == ["enqueue", "claim", "requeue"]
    assert await verbs_of(evidence, late) == ["enqueue"], "nothing is claimed any more"


async def listening(redis: Redis) -> bool:
    return bool(await redis.pubsub_channels())


async def said(process: processes.Process, word: str) -> bool:
    return word in process.said()


async def test_what_cannot_be_stopped_does_not_hold_the_worker_and_is_not_given_to_another_meanwhile(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    with worker(environment(servers, tmp_path, SHUTDOWN_GRACE="0.2"), tmp_path / "worker.log") as process:
        kinds = ("chaos.deaf", "chaos.thread", "chaos.own-thread")
        going_on = [await put(evidence, kind) for kind in kinds]
        stopped = await put(evidence, "chaos.two-steps")
        await at_work(evidence, "chaos.deaf", "chaos.own-thread", "chaos.two-steps.first")
        for task_id in going_on:
            await until_state(evidence, task_id, "running")
        assert process.stop() == 0, process.said()
    assert await verbs_of(evidence, stopped) == ["enqueue", "claim", "requeue"]
    for kind, task_id in zip(kinds, going_on, strict=True):
        task = await task_of(evidence, task_id)
        assert (task.state, task.attempt) == ("running", 1), f"{kind}: until its lease has run out it is nobody's"


async def test_a_second_signal_ends_a_worker_at_once_even_if_a_handler_blocks_its_loop(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    with worker(environment(servers, tmp_path), tmp_path / "worker.log") as process:
        await put(evidence, "chaos.blocks")
        await at_work(evidence, "chaos.blocks")
        process.send(signal.SIGTERM)
        began = time.monotonic()

        async def ended() -> bool:
            process.send(signal.SIGINT)
            return not process.alive

        await until(ended)
        assert time.monotonic() - began >= 0.5, "not by an echo of the first"
        assert process.ended() == 128 + signal.SIGINT, "nor by the end that is made of one that takes too long"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
async def test_a_worker_drains_on_other_signals_too(
    evidence: Database, servers: Servers, tmp_path: Path, number: signal.Signals
) -> None:
    with worker(environment(servers, tmp_path, SHUTDOWN_GRACE="0.2"), tmp_path / "worker.log") as process:
        task_id = await put(evidence, "chaos.two-steps")
        await at_work(evidence, "chaos.two-steps.first")
        process.send(number)
        assert process.ended() == 0, process.said()
    assert (await verbs_of(evidence, task_id))[-1] == "requeue"


def test_an_end_that_takes_too_long_is_made_and_tells_what_was_going_on(tmp_path: Path) -> None:
    program = (
        "import os, signal, time\n"
        "from holdgate.core.process.ending import Ending\n"
        "Ending(lambda number: None, within=0.2).listen()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(60)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert "line 5 in <module>" in run.stderr


def test_a_hang_up_that_is_ignored_stays_so() -> None:
    program = (
        "import os, signal\n"
        "from holdgate.core.process.ending import Ending\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "Ending(lambda number: os._exit(7), within=20).listen()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=20).returncode == 0


async def test_a_web_server_ends_soon_though_pages_and_programs_listen_and_wait(
    evidence: Database, servers: Servers, tmp_path: Path
) -> None:
    cookie = mint()
    async with evidence.write("system") as session:
        ann = await add_user(session, "ann@example.org", admin=True)
        await insert_session(session, digest(cookie), ann.id, address="127.0.0.1", user_agent="")
        token = await create_token(session, ann.id, name="tests", scopes=USUAL)
        asked = TaskRequest(kind="chaos.two-steps", payload={"name": "polled"}, owner_id=ann.id)
        task_id = await enqueue(session, asked)
    port = processes.free_port()
    # As it is started without our command: no time is set after which it gives up waiting for streams.
    with processes.web(environment(servers, tmp_path), tmp_path / "web.log", port) as process:
        address = f"http://127.0.0.1:{port}"
        page = httpx.AsyncClient(base_url=address, cookies={"hg_session": cookie}, timeout=20)
        program = httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        async with page, program, page.stream("GET", "/events") as one, program.stream("GET", "/api/v1/events") as two:
            lines = one.aiter_lines(), two.aiter_lines()
            for each in lines:
                await anext(each)  # it listens
            poll = asyncio.create_task(program.get(f"/api/v1/tasks/{task_id}?wait=30"))
            await asyncio.wait({poll}, timeout=0.3)
            assert not poll.done()
            began = time.monotonic()
            process.send(signal.SIGTERM)
            for each in lines:
                async for _ in each:  # to a proper end, not to a connection that breaks
                    pass
            assert (await poll).json()["state"] == "queued"
        process.ended()
    assert time.monotonic() - began < 10, "streams have no end, and the poll one after half a minute"
