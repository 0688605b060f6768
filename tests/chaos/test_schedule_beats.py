"""Worker processes killed by -9 in the middle of schedule beats: nothing twice, nothing lost."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, text

import holdgate.kinds.sample_task  # noqa: F401
from holdgate.core.db import Database
from holdgate.schedules.models import Schedule, ScheduleBeat
from holdgate.tasks.models import Task
from tests.factories.people import add_user
from tests.factories.schedules import plan
from tests.factories.workers import until
from tests.processes import environment, worker
from tests.servers import Servers

SCHEDULES = 60

# Makes the task of a beat wait inside its transaction until the test lets go, so that the kill hits the middle.
_STALL = """
CREATE FUNCTION test_stall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(4711);
  RETURN NEW;
END $$
"""


async def test_a_worker_killed_in_the_middle_of_its_beats_leaves_each_to_be_taken_once(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    ann = await add_user(database, "ann@example.org")
    for n in range(SCHEDULES):
        await plan(database, ann, now=None, name=f"No {n}", kind="sample.task", cron="0 0 1 1 *")
    due = text("UPDATE schedules SET next_at = date_trunc('hour', now()) - interval '1 year'")
    async with database.engine.begin() as connection:
        await connection.execute(text(_STALL))
        await connection.execute(
            text("CREATE TRIGGER test_stall BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION test_stall()")
        )
        await connection.execute(due)
    environ = environment(servers, tmp_path)
    try:
        async with database.engine.begin() as gate:
            await gate.execute(text("SELECT pg_advisory_xact_lock(4711)"))
            with worker(environ, tmp_path / "killed.log") as killed:
                # It has taken the beat and is inserting its task.
                await until(lambda: waits(database))
                killed.kill()
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(ScheduleBeat)) == 0
        with worker(environ, tmp_path / "one.log"), worker(environ, tmp_path / "two.log"):
            await until(lambda: all_done(database))
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text("DROP FUNCTION test_stall CASCADE"))
    async with database.read() as session:
        started = Counter((await session.execute(select(Task.subject))).scalars())
        beats = (await session.execute(select(ScheduleBeat.task_id))).scalars().all()
        ahead = await session.scalar(
            select(func.count()).select_from(Schedule).where(Schedule.next_at > func.now() + timedelta(days=1))
        )
    assert set(started.values()) == {1}
    assert len(started) == len(set(beats)) == SCHEDULES
    assert None not in beats
    assert ahead == SCHEDULES


async def waits(database: Database) -> bool:
    async with database.read() as session:
        return bool(
            await session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdgate worker'"
                    " AND wait_event = 'advisory' AND datname = current_database()"
                )
            )
        )


async def all_done(database: Database) -> bool:
    async with database.read() as session:
        done = select(func.count()).select_from(Task).where(Task.state == "succeeded")
        return await session.scalar(done) == SCHEDULES
