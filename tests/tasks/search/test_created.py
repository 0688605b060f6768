"""The order of creation is that of the ids: what a filter by creation reads, and which ids the queue takes."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.paging import before_id
from holdgate.stats import reports
from holdgate.tasks.models import Task
from holdgate.tasks.queue.inserting import insert_tasks
from holdgate.tasks.requests import TaskInsert
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import list_tasks
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.tasks import older
from tests.servers import empty
from tests.statements import explaining

ANN, RUN = UUID(int=1), UUID(int=2)
FEW, MANY = 100, 5000
FAR, NEAR = "45d", "15d"


@pytest.fixture(scope="module")
async def three_months(shared_database: Database) -> Database:
    """Many tasks of a month ago, and on either side of them a few."""
    database = shared_database
    await empty(database)
    async with database.write("system") as session:
        await session.execute(text("INSERT INTO users (id, email) VALUES (:id, 'ann@example.org')"), {"id": ANN})
        run = text("INSERT INTO runs (id, owner_id, name) VALUES (:id, :owner, 'All')")
        await session.execute(run, {"id": RUN, "owner": ANN})
        task = TaskRequest(kind="test.nothing", payload={}, owner_id=ANN, run_id=RUN)
        made = await enqueue_many(session, [task] * (MANY + 2 * FEW))
    await older(database, *made[:FEW], by=timedelta(days=60))
    await older(database, *made[FEW:-FEW], by=timedelta(days=30))
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE tasks"))
    return database


def rows_read(plan: str) -> int:
    """By the node that reads the most."""
    assert "Seq Scan on tasks" not in plan, plan
    nodes = re.findall(r"actual rows=(\d+)[^\n]*((?:\n\s+[A-Z][^\n>]*: [^\n]*)*)", plan)
    thrown = [sum(map(int, re.findall(r"Rows Removed by \w+(?: \w+)*: (\d+)", details))) for _, details in nodes]
    return max(int(rows) + more for (rows, _), more in zip(nodes, thrown, strict=True))


@pytest.mark.parametrize("oldest", [False, True], ids=["newest", "oldest"])
@pytest.mark.parametrize("range", [{"created_after": NEAR}, {"created_before": FAR}], ids=["after", "before"])
@pytest.mark.parametrize(
    "wanted",
    [TaskFilter(), TaskFilter(states=("queued",)), TaskFilter(owner=str(ANN)), TaskFilter(run_id=RUN)],
    ids=["all", "state", "owner", "run"],
)
async def test_a_list_by_creation_reads_nothing_of_other_times(
    three_months: Database, wanted: TaskFilter, range: dict[str, str], oldest: bool
) -> None:
    query = select(Task.title).where(replace(wanted, **range).where()).limit(51)
    async with three_months.read() as session:
        with explaining(three_months, how="(ANALYZE, TIMING OFF)"):
            plan = "\n".join((await session.execute(before_id(query, Task.id, None, oldest=oldest))).scalars())
    assert rows_read(plan) <= FEW, plan


async def test_a_report_of_a_period_reads_nothing_of_other_times(three_months: Database) -> None:
    async with three_months.read() as session:
        now = (await session.execute(select(func.now()))).scalar_one()
        for since, until in ((timedelta(days=90), timedelta(days=45)), (timedelta(days=15), timedelta())):
            which = reports.Which(None, now - since, now - until, None, UUID(int=0))
            with explaining(three_months, how="(ANALYZE, TIMING OFF)"):
                counted = (await session.execute(reports._COUNT_OF, which._asdict())).scalars()
            assert rows_read("\n".join(counted)) <= FEW
            assert await reports.count_lines(session, which) == FEW


def row(off: timedelta) -> TaskInsert:
    """Of a program whose clock is so far off."""
    id = UUID(int=uuid7().int + (round(off.total_seconds() * 1000) << 80))
    return TaskInsert(id=id, kind="test.nothing", payload="{}", queue="default", priority=50, max_attempts=3)


@pytest.mark.parametrize("hours", [-25, 25])
@pytest.mark.parametrize("right", [0, 1])
async def test_a_program_whose_clock_is_more_than_a_day_off_is_told_so(
    database: Database, hours: int, right: int
) -> None:
    rows = [*[row(timedelta())] * right, row(timedelta(hours=hours))]
    with pytest.raises(DBAPIError, match="more than a day"):
        async with database.write("system") as session:
            await insert_tasks(session, rows)


async def test_what_was_created_when_does_not_hang_on_the_clock_of_who_enqueued_it(database: Database) -> None:
    rows = [row(timedelta(hours=hours)) for hours in (-23, 0, 23)]
    async with database.write("system") as session:
        await insert_tasks(session, rows)
    async with database.read() as session:
        for wanted, n in (
            (TaskFilter(created_after="1h"), 3),
            (TaskFilter(created_before="0s"), 3),
            (TaskFilter(created_before="1h"), 0),
            (TaskFilter(created_after="2999-01-01"), 0),
            (TaskFilter(created_after="36500d", created_before="2999-01-01"), 3),
        ):
            assert len(await list_tasks(session, None, wanted, None, 10)) == n, wanted
        assert [task.id for task in await list_tasks(session, None, TaskFilter(), None, 10, oldest=True)] == [
            each.id for each in rows
        ]
