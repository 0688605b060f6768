"""All of it behind a PgBouncer in transaction mode, which gives every transaction another connection."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, literal, select, text
from sqlalchemy.exc import DBAPIError

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.doctor import checks_core, checks_topology
from holdgate.doctor.findings import Finding, Health, Installation
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from tests.conftest import make_database, with_name
from tests.factories.programs import V1
from tests.factories.workers import until
from tests.pooler.conftest import pgbouncer
from tests.processes import ROOT, Process, environment, free_port, web, worker
from tests.servers import Servers

IGNORING = {
    "ignore_startup_parameters": "idle_in_transaction_session_timeout,timezone,jit,max_parallel_workers_per_gather"
}
TROUBLE = (
    "claim_failed",
    "server_away",
    "sweep_failed",
    "heartbeat_failed",
    "finish_refused",
    "Traceback",
    '"status": 500',
    "worker_part_failed",
)


async def hammer(database: Database) -> None:
    """Reads, glances and writes at once, more than there are connections."""

    async def one(number: int) -> None:
        async with database.write(f"user:{number}") as session:
            actor = select(func.current_setting("holdgate.actor"), literal(number))
            assert (await session.execute(actor)).one() == (f"user:{number}", number)
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(Task).where(Task.queue == f"q{number}")) == 0
        async with database.autocommit() as connection:
            assert (await connection.execute(text("SELECT CAST(:n AS int)"), {"n": number})).scalar_one() == number
        async with database.read_one() as session:
            assert await session.scalar(select(func.current_setting("holdgate.actor", True))) in (None, "")

    for _ in range(5):
        await asyncio.gather(*(one(number) for number in range(20)))


async def test_sessions_of_every_sort_work_and_the_actor_stays_in_its_transaction(
    servers: Servers, database: Database, place: Path
) -> None:
    with pgbouncer(servers.database_url, place) as url:
        pooled = Database(url, name="pooled", pool_size=10, pooler=True)
        await hammer(pooled)
        await pooled.dispose()


async def test_without_the_setting_it_fails_at_once(servers: Servers, database: Database, place: Path) -> None:
    with pgbouncer(servers.database_url, place) as url:
        naive = Database(url, name="naive", pool_size=10)
        with pytest.raises((DBAPIError, asyncpg.PostgresError), match="unsupported startup parameter"):
            await hammer(naive)
        await naive.dispose()


async def test_without_the_setting_prepared_statements_fail_where_the_start_is_let_pass(
    servers: Servers, database: Database, place: Path
) -> None:
    with pgbouncer(servers.database_url, place, **IGNORING) as url:
        naive = Database(url, name="naive", pool_size=10)
        with pytest.raises(DBAPIError, match="prepared statement"):
            await hammer(naive)
        with suppress(Exception):
            await naive.dispose()


@pytest.mark.parametrize("round_robin", ["0", "1"])
async def test_the_doctor_sees_a_pooler_that_the_settings_do_not_name(
    settings: Settings, database: Database, redis: Redis, place: Path, round_robin: str
) -> None:
    with pgbouncer(settings.database_url, place, **IGNORING, server_round_robin=round_robin) as url:
        found = {told: await examined(settings, database, redis, url, told) for told in (False, True)}
    assert found[False].health is Health.FAIL and "DATABASE_POOLER=transaction" in found[False].do
    assert found[True].health is Health.OK and "as DATABASE_POOLER says" in found[True].says


async def test_the_doctor_says_so_too_where_nothing_works_at_all(
    settings: Settings, database: Database, redis: Redis, place: Path
) -> None:
    with pgbouncer(settings.database_url, place) as url:
        naive = Database(url, name="naive", pool_size=1)
        found = await checks_core.database(Installation(settings=settings, database=naive, redis=redis, head=""))
        await naive.dispose()
    assert found.health is Health.FAIL and "DATABASE_POOLER=transaction" in found.do


async def test_a_pooler_that_keeps_to_sessions_and_none_at_all_need_no_setting(
    settings: Settings, database: Database, redis: Redis, place: Path
) -> None:
    with pgbouncer(settings.database_url, place, **IGNORING, pool_mode="session") as url:
        assert (await examined(settings, database, redis, url, False)).health is Health.OK
    assert (await examined(settings, database, redis, settings.database_url, False)).health is Health.OK
    spare = await examined(settings, database, redis, settings.database_url, True)
    assert spare.health is Health.OK and "leave it out" in spare.says


async def examined(settings: Settings, database: Database, redis: Redis, url: str, told: bool) -> Finding:
    changed = msgspec.structs.replace(settings, database_url=url, database_pooler=told)
    return await checks_topology.pooler(Installation(settings=changed, database=database, redis=redis, head=""))


async def test_a_transaction_that_locks_is_still_ended_when_it_does_nothing(
    servers: Servers, database: Database, place: Path
) -> None:
    with pgbouncer(servers.database_url, place) as url:
        pooled = Database(url, name="pooled", pool_size=1, pooler=True, idle_limit=timedelta(seconds=7))
        async with pooled.write("system") as session:
            limit = select(func.current_setting("idle_in_transaction_session_timeout"))
            assert await session.scalar(limit) == "7s"
        async with pooled.read() as session:
            assert await session.scalar(select(func.current_setting("transaction_read_only"))) == "on"
        await pooled.dispose()


async def test_statements_stay_prepared_without_a_pooler(database: Database) -> None:
    async with database.engine.connect() as connection:
        for number in range(3):
            await connection.execute(text("SELECT CAST(:n AS int) AS prepared_once"), {"n": number})
        prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS prepared_once'")
        assert (await connection.execute(prepared)).scalar_one() == 1


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


async def test_an_installation_migrates_serves_works_holds_and_stops_behind_it(
    servers: Servers, place: Path, tmp_path: Path
) -> None:
    name = servers.database_url.split("/")[-1].split("?")[0] + "_pooler"
    own = with_name(servers.database_url, name)
    await make_database(servers.database_url, name)
    direct = Database(own, name="beside", pool_size=2)
    ports = free_port(), free_port()
    with pgbouncer(own, place) as url:
        environ = environment(servers, tmp_path, DATABASE_URL=url, DATABASE_POOLER="transaction", LEASE_SECONDS="3")
        environ |= {"BASE_URL": f"http://127.0.0.1:{ports[0]}", "RATE_LIMIT_MAX": "10000"}
        # Two at once, as pods start: the second waits for the first.
        both = [Process(tmp_path / f"migrate{n}.log", environ, "holdgate.cli", "migrate") for n in range(2)]
        assert [each._child.wait(60) for each in both] == [0, 0], [each.said() for each in both]
        command(environ, "user", "add", "ann@example.org", "--admin")
        token = command(environ, "token", "create", "ann@example.org")
        with (
            web(environ, tmp_path / "web.log", ports[0]) as server,
            worker({**environ, "METRICS_PORT": str(ports[1])}, tmp_path / "first.log") as first,
            worker(environ, tmp_path / "second.log") as second,
        ):
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=environ["BASE_URL"], headers=headers, timeout=30) as program:
                assert (await program.get("/readyz")).json()["database"] == "ok"
                many = [{"kind": "sample.task", "payload": {"steps": 3, "fail_times": n % 2}} for n in range(60)]
                made = await program.post(f"{V1}/tasks/bulk", json={"tasks": many})
                assert made.status_code == 201, made.text
                asks = await program.post(f"{V1}/tasks", json={"kind": "sample.task", "payload": {"hold": "approval"}})
                held = UUID(asks.json()["id"])

                async def asked() -> bool:
                    return bool((await program.get(f"{V1}/tasks/{held}")).json()["state"] == "pending_approval")

                await until(asked)
                [listed] = (await program.get(f"{V1}/approvals")).json()["items"]
                approval = f"{V1}/approvals/{listed['id']}"
                decision = {"decision": "approve", "version": (await program.get(approval)).json()["version"]}
                decided = await program.post(f"{approval}/decision", json=decision)
                assert decided.status_code == 200, decided.text

                async def all_done() -> bool:
                    states = (await program.get(f"{V1}/stats")).json()["kinds"]["sample.task"]
                    return bool(states == {"succeeded": 61})

                await until(all_done)
                probes = httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[1]}")
                assert [(await probes.get(path)).status_code for path in ("/livez", "/readyz")] == [200, 200]
                await probes.aclose()
            for process in (first, second, server):
                assert process.stop() in (0, -signal.SIGTERM), process.said()[-2000:]
                assert not [line for line in process.said().splitlines() if any(word in line for word in TROUBLE)]
        said = command(environ, "verify")
        assert "DRIFT" not in said
    async with direct.read() as session:
        actors = set((await session.execute(select(TaskEvent.actor).distinct())).scalars())
        assert {actor.split(":")[0] for actor in actors} == {"user", "worker", "system"}
        assert await session.scalar(text("SELECT count(*) FROM workers")) == 0, "both have said goodbye"
    await direct.dispose()
