"""A dump taken while workers work, restored into another cluster: what docs/backup.md says, tried for real."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate.approvals.requests import deciding
from holdgate.approvals.values import form_of
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.kinds.sample_task import TRACE
from holdgate.runs import service as runs
from holdgate.schema import migrate
from holdgate.stats.consistency import CHECKS, problems
from holdgate.stats.counts import counts_by_state, fold_events
from holdgate.stats.restore import rebase
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState
from holdgate.tasks.streams.events import Feed, parse_place
from holdgate.verify import verify_database
from tests.conftest import make_database, with_name
from tests.dumps import DUMP, RESTORE, another_cluster, dump, restore
from tests.factories.approvals import OWNER, approve, principal, put_question
from tests.factories.installation import lived
from tests.factories.stats import all_final
from tests.factories.tasks import make_task
from tests.factories.workers import until, until_state, working
from tests.processes import ROOT, environment, worker
from tests.runtime.kinds import Wish
from tests.servers import Servers

TASKS, STEPS, SECONDS = 40, 3, 0.1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with another_cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


class Copy(Database):
    """A restored database, and where it is."""

    def __init__(self, url: str) -> None:
        super().__init__(url, name="tests", pool_size=5)
        self.url = url


@asynccontextmanager
async def restored(file: Path, cluster: str, *more: str) -> AsyncIterator[Copy]:
    await make_database(cluster, "restored")
    url = with_name(cluster, "restored")
    await asyncio.to_thread(restore, file, url, *more)
    database = Copy(url)
    try:
        yield database
    finally:
        await database.dispose()


async def ask(database: Database, statement: str) -> Any:
    async with database.read() as session:
        return await session.scalar(text(statement))


async def verified(settings: Settings, database: Copy) -> tuple[bool, str]:
    lines: list[str] = []
    here = msgspec.structs.replace(settings, database_url=database.url)
    fine = await verify_database(here, lines.append)
    return fine, "\n".join(lines)


async def move_on(database: Database) -> None:
    """Use up transaction ids, so that the cluster to restore into is surely behind."""
    async with database.autocommit() as connection:
        await connection.execute(text(USE_UP))


USE_UP = """
    DO $$ BEGIN
      FOR n IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
    END $$
"""
IN_THE_FUTURE = "SELECT upto > pg_snapshot_xmin(pg_current_snapshot()) FROM rollup"
UNREAD = """SELECT count(*) FROM task_events WHERE xid >= (SELECT upto FROM log_followers WHERE name = 'minutes')
            AND to_state IS NOT NULL AND from_state IS DISTINCT FROM to_state"""
IN_MINUTES = "SELECT coalesce(sum(n), 0) FROM task_minutes WHERE owner_id IS NULL AND span = 1"
SINCE = (
    "SELECT count(*) FROM task_events WHERE id > {id} AND to_state IS NOT NULL AND from_state IS DISTINCT FROM to_state"
)


async def test_work_goes_on_from_a_dump_taken_while_workers_worked(
    database: Database, servers: Servers, settings: Settings, cluster: str, tmp_path: Path
) -> None:
    await move_on(database)
    # As the kind asks: a decision counts for what was shown only.
    asked = await put_question(database, settings, fields=form_of(Wish, Wish("a")))
    await lived(database, settings)
    owner = await principal(database)
    wanted = TaskRequest(kind="sample.task", payload={"steps": STEPS, "seconds": SECONDS, "trace": True})
    async with database.write(owner.actor) as session:
        run_id = await runs.start_run(session, owner, "Before the flood", [wanted] * TASKS)
    more = {"LEASE_SECONDS": "2", "QUEUES": "default:4,mail:5", "KINDS": "tests.tasks.kinds,tests.runtime.kinds"}
    environ = environment(servers, tmp_path / "before", **more)
    (tmp_path / "before").mkdir()
    with worker(environ, tmp_path / "before.log"):
        await until(lambda: steps_are_stored(database, TASKS))
        await asyncio.to_thread(dump, servers.database_url, tmp_path / "holdgate.dump")
        # What is done after the dump is unknown to it.
        await until(lambda: steps_are_stored(database, TASKS + 8))
    async with restored(tmp_path / "holdgate.dump", cluster) as after:
        assert await ask(after, IN_THE_FUTURE), "the trap is there"
        stored = await steps_of(after)
        assert TASKS <= len(stored) < TASKS * STEPS
        assert await ask(after, "SELECT count(*) FROM tasks WHERE state = 'running'") > 0
        unread, told = await ask(after, UNREAD), await ask(after, IN_MINUTES)
        newest = await ask(after, "SELECT max(id) FROM task_events")
        mails = await ask(after, "SELECT count(*) FROM tasks WHERE payload->>'template' = 'run_finished'")

        await asyncio.to_thread(migrate, after.url)
        assert not await ask(after, IN_THE_FUTURE)
        fine, said = await verified(settings, after)
        assert fine, said

        there = environment(Servers(after.url, servers.redis_url), tmp_path / "after", **more)
        (tmp_path / "after").mkdir()
        with worker(there, tmp_path / "after.log"):
            await until(lambda: has_finished(after, run_id))
            # A link that was mailed before the dump still opens its question.
            async with after.write(f"recipient:{OWNER}") as session:
                await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")
            await until_state(after, asked.task_id, "succeeded")
            await until(lambda: is_read(after))
        fine, said = await verified(settings, after)
        assert fine, said

        # Nothing that was stored before the dump ran again, and each other step did.
        again = [tuple(line.split()[:2]) for line in (tmp_path / "after" / TRACE).read_text().splitlines()]
        assert not stored & set(again)
        assert stored | set(again) == await steps_of(after)
        assert len(stored | set(again)) == TASKS * STEPS
        # Each event was read once by each reader: none twice from before, none of the new ones missed.
        assert await ask(after, IN_MINUTES) == told + unread + await ask(after, SINCE.format(id=newest))
        assert await ask(after, "SELECT count(*) FROM run_events WHERE verb = 'finished'") == 1
        finished = "SELECT count(*) FROM tasks WHERE payload->>'template' = 'run_finished'"
        assert (mails, await ask(after, finished)) == (0, 1)


async def steps_are_stored(database: Database, number: int) -> bool:
    return int(await ask(database, "SELECT count(*) FROM task_steps WHERE name LIKE 'step-%'")) >= number


async def steps_of(database: Database) -> set[tuple[str, str]]:
    """(task, number of the step) of what is stored."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT task_id, substr(name, 6) FROM task_steps WHERE name LIKE 'step-%'"))
        return {(str(row[0]), row[1]) for row in rows}


async def has_finished(database: Database, run_id: UUID) -> bool:
    return await ask(database, f"SELECT finished_at IS NOT NULL FROM runs WHERE id = '{run_id}'") is True


async def is_read(database: Database) -> bool:
    """All that happened to tasks has been read by the folder of minutes."""
    return int(await ask(database, UNREAD)) == 0


async def test_what_is_written_before_the_log_is_rebased_is_counted_once(
    database: Database, servers: Servers, cluster: str, tmp_path: Path
) -> None:
    await move_on(database)
    for state in TaskState:
        await make_task(database, state)
    await all_final(database)
    async with database.write("system") as session:
        await fold_events(session)
    await make_task(database)  # not folded
    await asyncio.to_thread(dump, servers.database_url, tmp_path / "dump")
    async with restored(tmp_path / "dump", cluster) as after:
        expected = {state.value: 1 for state in TaskState} | {"queued": 2}
        # A web server was there first; a savepoint has a transaction id of its own.
        await make_task(after, TaskState.SUCCEEDED)
        async with after.write("system") as session, session.begin_nested():
            await enqueue(session, TaskRequest(kind="test.nothing", payload={}))
        # A fold that knows nothing of it, and is not to set the watermark back.
        async with after.write("system") as session:
            await fold_events(session)
        async with after.write("system") as session:
            moved = await rebase(session)
        assert moved == await ask(after, "SELECT count(*) FROM task_events WHERE xid < '10'") > 0
        expected |= {"succeeded": 2, "queued": 3}
        for _ in range(2):
            async with after.read() as reading:
                assert await counts_by_state(reading) == expected
                assert [await problems(reading, check, 5) for check in CHECKS] == [[]] * len(CHECKS)
            async with after.write("system") as session:
                await fold_events(session)
        with pytest.raises(Exception, match="task_log cannot be changed"):
            async with after.write("system") as session:
                await session.execute(text("UPDATE task_log SET reason = 'x'"))
        async with after.write("system") as session:
            assert await rebase(session) is None


async def test_a_worker_brings_the_log_home_as_well_and_a_place_in_it_from_before_is_refused(
    database: Database, servers: Servers, settings: Settings, cluster: str, tmp_path: Path
) -> None:
    await move_on(database)
    await make_task(database)
    await all_final(database)
    place = parse_place(f"{await ask(database, 'SELECT max(xid) FROM task_events')}.1")
    await Feed(database).check(place)
    await asyncio.to_thread(dump, servers.database_url, tmp_path / "dump")
    async with restored(tmp_path / "dump", cluster) as after:
        async with working(after, settings):
            await until(lambda: is_at_home(after))
        with pytest.raises(Invalid, match="another database"):
            await Feed(after).check(place)


async def is_at_home(database: Database) -> bool:
    return await ask(database, IN_THE_FUTURE) is False


async def test_a_copy_in_the_same_cluster_is_left_as_it_is(
    database: Database, servers: Servers, settings: Settings, tmp_path: Path
) -> None:
    await make_task(database)
    await asyncio.to_thread(dump, servers.database_url, tmp_path / "dump")
    async with restored(tmp_path / "dump", servers.database_url, "--jobs=2") as after:
        async with after.write("system") as session:
            assert await rebase(session) is None
        fine, said = await verified(settings, after)
        assert fine, said


def test_the_page_names_the_commands_that_were_tried() -> None:
    page = (ROOT / "docs" / "backup.md").read_text()
    assert all(f"pg_dump {option}" in page for option in DUMP[:1])
    assert f"pg_restore {' '.join(RESTORE)}" in page
