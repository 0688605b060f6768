"""One task that takes its worker down, or blocks its event loop, costs those beside it nothing."""

from collections import Counter
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

import tests.chaos.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.workers import until, until_state
from tests.processes import Process, environment, worker
from tests.servers import Servers


async def put(database: Database, kind: str, n: int = 1, seconds: float = 0.0) -> list[UUID]:
    async with database.write("system") as session:
        request = TaskRequest(kind=kind, payload={"name": kind, "seconds": seconds})
        return await enqueue_many(session, [request] * n)


async def states(database: Database, ids: list[UUID]) -> Counter[str]:
    async with database.read() as session:
        return Counter((await session.execute(select(Task.state).where(Task.id.in_(ids)))).scalars())


async def test_a_poison_task_is_buried_alone_and_its_fifteen_neighbours_succeed(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    [poison] = await put(database, "chaos.poison", seconds=0.3)
    neighbours = await put(database, "chaos.sleeps", 15, seconds=1.0)
    environ = environment(servers, tmp_path, LEASE_SECONDS="1")

    async def ended() -> bool:
        return (await states(database, [poison, *neighbours])).keys() <= {"succeeded", "dead_letter"}

    async def dead_or_done() -> bool:
        return not process.alive or await ended()

    deaths = 0
    while not await ended():
        assert deaths < 8, "it takes down one worker after the other"
        with worker(environ, tmp_path / f"{deaths}.log") as process:
            await until(dead_or_done)
            deaths += not process.alive
    assert deaths == 3  # MAX_LEASE_LOSSES
    assert await states(database, neighbours) == {"succeeded": 15}
    async with database.read() as session:
        rows = (await session.execute(select(Task).where(Task.id.in_(neighbours)))).scalars().all()
        assert max(task.lease_losses for task in rows) < 3
        assert {task.failures for task in rows} == {0}
        convicted = await session.get_one(Task, poison)
    assert (convicted.state, convicted.lease_losses, convicted.failures) == ("dead_letter", 3, 0)


async def test_a_handler_that_blocks_the_loop_costs_its_neighbours_no_lease_and_is_named(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    neighbours = await put(database, "chaos.sleeps", 5, seconds=1.0)
    [blocker] = await put(database, "chaos.blocks-briefly", seconds=8.0)
    # Renewed at a third of it: a loaded machine may stand still for longer than two seconds.
    environ = environment(servers, tmp_path, LEASE_SECONDS="5")
    with worker(environ, tmp_path / "blocked.log") as process, worker(environ, tmp_path / "other.log") as other:
        for task_id in (*neighbours, blocker):
            task = await until_state(database, task_id, "succeeded")
            assert (task.attempt, task.lease_losses) == (1, 0)
        said = process.said() + other.said()
    warning = next(line for line in said.splitlines() if "loop_blocked" in line)
    assert "chaos.blocks-briefly" in warning
    assert "kinds.py" in warning
    assert str(blocker) in warning


async def test_a_loop_that_is_blocked_for_too_long_keeps_no_leases(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    """Longer than the blocking kind's timeout and a lease: it does not come back."""
    ids = await put(database, "chaos.sleeps", 3, seconds=60.0)
    environ = environment(servers, tmp_path, LEASE_SECONDS="2")
    with worker(environ, tmp_path / "stuck.log") as process:
        await until_state(database, ids[0], "running")
        ids += await put(database, "chaos.stuck", seconds=60.0)
        await until(lambda: said(process, "leases_given_up"))
        lost: set[UUID] = set()

        async def all_lost() -> bool:
            async with database.write("system") as session:
                lost.update(row.id for row in await moves.recover_lost(session, most=3))
            return lost == set(ids)

        await until(all_lost)
        warning = next(line for line in process.said().splitlines() if "leases_given_up" in line)
    assert "chaos.stuck" in warning


async def said(process: Process, words: str) -> bool:
    return words in process.said()
