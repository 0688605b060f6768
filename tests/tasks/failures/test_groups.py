"""Dead letters by their error: the counts are kept, not counted, and are right whatever happens to the tasks."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.stats.consistency import problems
from holdgate.tasks.failures.fingerprints import digest, fill_missing, fingerprint
from holdgate.tasks.failures.groups import FailureGroup, add_up, list_groups
from holdgate.tasks.models import Task, error_counts
from holdgate.tasks.queue import marks, moves
from holdgate.tasks.queue.retention import Rules, prune_tasks
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.bulk import buried, fail, succeed
from tests.factories.tasks import make_task

CHECK = "Errors are counted as tasks have them"


async def groups(database: Database, owner: UUID | None = None) -> list[FailureGroup]:
    async with database.read() as session:
        assert await problems(session, CHECK, 5) == []
        return await list_groups(session, owner)


async def numbers(database: Database, owner: UUID | None = None) -> dict[str, int]:
    """Message → how many are dead letters."""
    return {group.message: group.n for group in await groups(database, owner)}


async def tried_again(database: Database) -> int:
    async with database.read() as session:
        query = select(func.coalesce(func.sum(error_counts.c.n), 0)).where(~error_counts.c.dead)
        return int((await session.execute(query)).scalar_one())


async def added_up(database: Database) -> int:
    """How many rows there are then."""
    async with database.write("system") as session:
        await add_up(session)
        return (await session.execute(select(func.count()).select_from(error_counts))).scalar_one()


async def test_a_group_has_its_number_its_first_its_last_and_what_died_last(database: Database, ann: Principal) -> None:
    old, middle, late = await buried(database, 3, "No", title="Mine", owner_id=ann.id)
    other = await buried(database, 2, "No", title="Not mine")
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with database.write("system") as session:
        for hours, id in enumerate((old, other[0], late, middle, other[1])):
            await session.execute(
                text("UPDATE tasks SET finished_at = :at WHERE id = :id"),
                {"id": id, "at": noon + timedelta(hours=hours)},
            )
    [everybody], [hers] = await groups(database), await groups(database, ann.id)
    assert (everybody.n, everybody.first_at, everybody.last_at) == (5, noon, noon + timedelta(hours=4))
    assert (everybody.sample_id, everybody.sample_title) == (other[1], "Not mine")
    assert (hers.n, hers.first_at, hers.last_at) == (3, noon, noon + timedelta(hours=3))
    assert (hers.sample_id, hers.sample_title) == (middle, "Mine")
    assert hers.fingerprint == fingerprint("test.nothing", digest("RuntimeError", "No"))
    assert (hers.kind, hers.error_type, hers.message) == ("test.nothing", "RuntimeError", "No")


async def test_every_way_into_and_out_of_an_error_is_counted(database: Database, ann: Principal) -> None:
    a, b, c, d = await buried(database, 4, "No", owner_id=ann.id)
    await buried(database, 2, "Never")
    again = [await make_task(database) for _ in range(3)]
    await fail(database, again, "No", TaskState.RETRYING)
    assert (await numbers(database), await tried_again(database)) == ({"No": 4, "Never": 2}, 3)
    assert await numbers(database, ann.id) == {"No": 4}
    async with database.write("system") as session:
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id == a)
        await marks.resolve_tasks(session, Task.id == b, "ann@example.org", "Done by hand.")
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == again[0])
        await session.execute(text("UPDATE tasks SET run_at = now() WHERE state = 'retrying'"))
        await moves.promote_due(session)
    assert (await numbers(database), await tried_again(database)) == ({"No": 2, "Never": 2}, 2)
    async with database.write("system") as session:
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id == b)
    await succeed(database, [again[1]])
    await fail(database, [again[2]], "Never")
    assert (await numbers(database), await tried_again(database)) == ({"Never": 3, "No": 2}, 0)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET fingerprint = NULL WHERE id = :id"), {"id": c})
    assert await numbers(database) == {"Never": 3, "No": 1}
    async with database.write("system") as session:
        assert await fill_missing(session) == 1
        await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": d})
    assert await numbers(database) == {"Never": 3, "No": 1}
    assert await added_up(database) == 2
    assert await numbers(database) == {"Never": 3, "No": 1}
    async with database.write("system") as session:
        await prune_tasks(session, Rules(finished=timedelta(seconds=-1), dead_letters=timedelta(seconds=-1)))
    assert await numbers(database) == {}
    assert await added_up(database) == 0


async def test_adding_up_loses_nothing_of_what_others_add_meanwhile(database: Database) -> None:
    """Two sweepers add up at once while tasks die, are retried and go."""
    stop = asyncio.Event()

    async def adding() -> None:
        while not stop.is_set():
            await added_up(database)

    async def dying(message: str) -> None:
        for _ in range(8):
            [one, two] = await buried(database, 2, message)
            async with database.write("system") as session:
                await moves.move_tasks(session, TaskVerb.RETRY, Task.id == one)
                await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": two})
            await buried(database, 1, message)

    sweepers = [asyncio.create_task(adding()) for _ in range(2)]
    try:
        await asyncio.gather(dying("No"), dying("No"), dying("Never"))
    finally:
        stop.set()
        await asyncio.gather(*sweepers)
    assert await numbers(database) == {"No": 16, "Never": 8}
    assert await added_up(database) == 2
