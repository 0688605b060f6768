"""A worker process killed in the middle of a bulk action or a redrive: nothing twice, nothing lost."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

import tests.chaos.kinds  # noqa: F401
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.bulk import action_of, buried, start
from tests.factories.people import add_user
from tests.factories.workers import until
from tests.processes import environment, worker
from tests.servers import Servers

MANY = 6_000


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


async def bury_many(database: Database, n: int, owner_id: UUID) -> None:
    """Quickly; of a kind that the worker does not know, so that what is retried stays where it is."""
    async with database.write("system") as session:
        for begin in range(0, n, 5000):
            requests = [TaskRequest(kind="test.nothing", payload={}, owner_id=owner_id)] * min(5000, n - begin)
            await enqueue_many(session, requests)
        await session.execute(text("UPDATE tasks SET state = 'dead_letter', finished_at = now()"))


async def verbs(database: Database, verb: str) -> dict[int, int]:
    """How often → how many tasks were told so."""
    async with database.read() as session:
        rows = await session.execute(
            text(
                "SELECT n, count(*) FROM (SELECT count(*) AS n FROM task_events WHERE verb = :verb GROUP BY task_id) q"
                " GROUP BY n"
            ),
            {"verb": verb},
        )
        return {row[0]: row[1] for row in rows}


async def test_a_bulk_action_goes_on_where_a_killed_worker_left_it(
    database: Database, servers: Servers, tmp_path: Path, ann: Principal
) -> None:
    await bury_many(database, MANY, ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, TaskFilter(states=("dead_letter",)))
    environ = environment(servers, tmp_path, LEASE_SECONDS="2")

    for n in range(3):
        with worker(environ, tmp_path / f"{n}.log") as process:
            before = (await action_of(database, action_id)).done
            await until(lambda before=before: _more(database, action_id, before))  # type: ignore[misc]
            process.kill()
        action = await action_of(database, action_id)
        assert action.state == "running", "it was done before it could be killed: make MANY larger"
        # What the action says is what has happened, after every kill.
        assert await verbs(database, "retry") == {1: action.done}
    with worker(environ, tmp_path / "last.log"):
        await until(lambda: _ended(database, action_id), 120)
    action = await action_of(database, action_id)
    assert (action.state, action.total, action.done, action.skipped) == ("finished", MANY, MANY, 0)
    assert await verbs(database, "retry") == {1: MANY}


async def _more(database: Database, action_id: UUID, before: int) -> bool:
    return (await action_of(database, action_id)).done > before


async def _ended(database: Database, action_id: UUID) -> bool:
    return (await action_of(database, action_id)).state in ("finished", "stopped", "waiting")


async def test_a_redrive_goes_on_where_a_killed_worker_left_it_and_tries_nothing_twice(
    evidence: Database, servers: Servers, tmp_path: Path, ann: Principal
) -> None:
    database = evidence
    await buried(database, 60, kind="chaos.two-steps", payload={"name": "x", "seconds": 0.3}, owner_id=ann.id)
    wanted = TaskFilter(states=("dead_letter",))
    action_id = await start(database, ann, BulkVerb.RETRY, wanted, canary=True)
    environ = environment(servers, tmp_path, LEASE_SECONDS="1")
    for n, reached in enumerate((1, 11)):
        with worker(environ, tmp_path / f"{n}.log") as process:
            await until(lambda reached=reached: _more(database, action_id, reached - 1))  # type: ignore[misc]
            process.kill()
        assert (await action_of(database, action_id)).state == "running"
    with worker(environ, tmp_path / "last.log"):
        await until(lambda: _ended(database, action_id))
    action = await action_of(database, action_id)
    assert (action.state, action.done, action.skipped, action.step) == ("finished", 60, 0, 3)
    assert await verbs(database, "retry") == {1: 60}
    assert await verbs(database, "succeed") == {1: 60}


async def test_a_redrive_into_the_same_error_stops_in_a_real_worker(
    database: Database, servers: Servers, tmp_path: Path, ann: Principal
) -> None:
    # Buried by a real worker first, so that the error is the one it will meet again.
    async with database.write("system") as session:
        requests = [TaskRequest(kind="chaos.breaks", payload={"name": str(n)}, owner_id=ann.id) for n in range(20)]
        await enqueue_many(session, requests)

    async def buried_all() -> bool:
        async with database.read() as session:
            return bool(await session.scalar(text("SELECT count(*) = 20 FROM tasks WHERE state = 'dead_letter'")))

    with worker(environment(servers, tmp_path), tmp_path / "worker.log"):
        await until(buried_all)
        async with database.read() as reading:
            assert await reading.scalar(text("SELECT count(DISTINCT fingerprint) FROM tasks")) == 1
        wanted = TaskFilter(states=("dead_letter",))
        action_id = await start(database, ann, BulkVerb.RETRY, wanted, canary=True)
        await until(lambda: _ended(database, action_id))
    action = await action_of(database, action_id)
    assert (action.state, action.done) == ("stopped", 1)
    assert action.reason == "1 task failed again with the same error."
