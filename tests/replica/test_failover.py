"""An address that leads to a standby, which takes no writes, and then to the primary: new connections can write."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import make_url, text

import tests.chaos.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.postgres import connections
from holdgate.core.postgres.connections import Away
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.workers import until, until_state
from tests.processes import ROOT, environment, free_port, web, worker
from tests.servers import Servers
from tests.silence import reach, way_to

V1 = "/api/v1"


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


async def caught_up(primary: Database, standby: Database) -> None:
    async with primary.read() as session:
        place = await session.scalar(text("SELECT CAST(pg_current_wal_flush_lsn() AS text)"))

    async def replayed() -> bool:
        async with standby.read() as session:
            behind = text("SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), CAST(CAST(:place AS text) AS pg_lsn)) >= 0")
            return bool(await session.scalar(behind, {"place": place}))

    await until(replayed)


async def test_web_and_worker_leave_a_server_that_takes_no_writes(
    servers: Servers, database: Database, follower: tuple[str, Path], tmp_path: Path
) -> None:
    direct = environment(servers, tmp_path)
    command(direct, "user", "add", "ann@example.org", "--admin")
    token = command(direct, "token", "create", "ann@example.org")
    async with database.write("system") as session:
        waits = await enqueue(session, TaskRequest(kind="chaos.breaks", payload={"name": "x"}))
    standby = Database(follower[0], name="standby", pool_size=1)
    await caught_up(database, standby)
    await standby.dispose()
    port = free_port()
    with way_to(follower[0]) as (address, url):
        environ = {**direct, "DATABASE_URL": url, "BASE_URL": f"http://127.0.0.1:{port}"}
        with (
            web(environ, tmp_path / "web.log", port) as server,
            worker(environ, tmp_path / "worker.log") as working,
        ):
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=environ["BASE_URL"], headers=headers, timeout=20) as program:
                assert (await program.get(f"{V1}/tasks")).status_code == 200, "it can be read"
                task = {"kind": "sample.task", "payload": {}}
                refused = await program.post(f"{V1}/tasks", json=task)
                assert refused.status_code == 503 and refused.headers["retry-after"], server.said()[-3000:]
                await until(lambda: said(working.said(), "server_away"), 20)
                address.lead_to(reach(servers.database_url))
                answers = [await program.post(f"{V1}/tasks", json=task) for _ in range(2)]
                made = answers[-1]
                assert made.status_code == 201, server.said()[-3000:]
                await until_state(database, UUID(made.json()["id"]), "succeeded", seconds=10)
                await until_state(database, waits, "dead_letter", seconds=10)
            for process in (server, working):
                assert "Traceback" not in process.said()


async def said(text: str, word: str) -> bool:
    return word in text


async def test_a_write_in_a_session_for_reading_is_a_mistake_of_ours_and_costs_no_connection(
    servers: Servers, database: Database
) -> None:
    alone = Database(servers.database_url, name="alone", pool_size=1)
    pids = set()
    for _ in range(2):
        async with alone.read() as session:
            pids.add(await session.scalar(text("SELECT pg_backend_pid()")))
            with pytest.raises(Exception, match="read-only transaction"):
                await session.execute(text("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'x@y')"))
    assert len(pids) == 1
    await alone.dispose()


async def test_of_several_hosts_the_one_that_takes_writes_is_found_past_a_silent_one_and_a_standby(
    servers: Servers, database: Database, follower: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ONE_OF_SEVERAL_SECONDS", 0.5)
    primary, standby = make_url(servers.database_url), make_url(follower[0])
    places = [str(each.query["host"]) for each in (standby, primary)]
    with way_to(servers.database_url) as (silent, _):
        silent.swallow(new=True)
        begins = f"postgresql+asyncpg://{primary.username}@/{primary.database}?sslmode=disable&host="
        several = Database(f"{begins}127.0.0.1:{silent.port},{places[0]},{places[1]}", name="several", pool_size=2)
        began = time.monotonic()
        async with several.write("system") as session, several.read():
            assert await session.scalar(text("SELECT pg_is_in_recovery()")) is False
        assert 0.5 <= time.monotonic() - began < 3
        assert silent.taken == 1, "the second connection begins with the host that was found"
        await several.dispose()
    none = Database(f"{begins}{places[0]},{places[0]}", name="none", pool_size=1)
    with pytest.raises(Away, match="target attribute"):
        async with none.write("system"):
            pass
    any_will_do = Database(f"{begins}{places[0]},{places[1]}&target_session_attrs=any", name="any", pool_size=1)
    async with any_will_do.read() as session:
        assert await session.scalar(text("SELECT pg_is_in_recovery()")) is True
    for each in (none, any_will_do):
        await each.dispose()
