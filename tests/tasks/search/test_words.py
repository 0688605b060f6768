"""A list of what words find is the same whichever way it is found; few hits are sorted before tasks are looked up."""

from itertools import product

import pytest
from sqlalchemy import select, text, true

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import list_tasks
from holdgate.tasks.search.words import few_hits
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.stats import index_words
from tests.statements import explaining

TASKS = 500


@pytest.fixture
async def letters(database: Database, ann: Principal) -> Database:
    """Every third ann's, every fifth cancelled; the planner knows them."""
    requests = [
        TaskRequest(
            kind="test.nothing",
            title=f"Letter {n} to company {n % 40}",
            payload={"word": f"person{n % 100}@example.org"},
            owner_id=ann.id if n % 3 == 0 else None,
        )
        for n in range(TASKS)
    ]
    async with database.write("system") as session:
        await enqueue_many(session, requests)
        await session.execute(
            text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE title LIKE 'Letter %5 to%'")
        )
    await index_words(database)
    async with database.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE task_words"))
    return database


async def found(database: Database, wanted: TaskFilter) -> list[str]:
    async with database.read() as session:
        return [task.title for task in await list_tasks(session, None, wanted, None, 50)]


async def test_a_task_is_found_at_once_and_by_the_index_soon_after(database: Database) -> None:
    async with database.write("system") as session:
        one, _ = await enqueue_many(
            session,
            [
                TaskRequest(kind="test.free", title="Letter one", payload={"word": "deep"}),
                TaskRequest(kind="test.free", title="Letter two", payload={}),
            ],
        )
    deep = TaskFilter(q="deep")
    assert await found(database, deep) == ["Letter one"], "before anybody has indexed it"
    async with database.write("system") as session:
        # It has words of its own before the sweeper comes to it.
        await session.execute(text("""UPDATE tasks SET payload = '{"word": "shallow"}' WHERE id = :id"""), {"id": one})
    for _ in range(2):
        assert await found(database, deep) == []
        assert await found(database, TaskFilter(q="shallow")) == ["Letter one"]
        assert len(await found(database, TaskFilter(q="letter", kind="test.free"))) == 2
        await index_words(database)
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM task_words")) == 2
        assert (await session.execute(text("SELECT * FROM holdgate_unindexed()"))).all() == []


SOUGHT = (
    TaskFilter(q="company 7"),
    TaskFilter(q="comp lett 3"),
    TaskFilter(q="company"),
    TaskFilter(q="person7@example.org"),
    TaskFilter(q="company 5", states=("cancelled",)),
    TaskFilter(q="letter 1", payload="word:person11@example.org"),
    TaskFilter(q="comp", kind="test.nothing", payload="word:person11@example.org"),
    TaskFilter(q="company 7", kind="test.free"),
    TaskFilter(q="no such company"),
    TaskFilter(q="'&|!:* \\"),
    TaskFilter(q="it's 7"),
)


@pytest.mark.parametrize("oldest", [False, True], ids=["newest", "oldest"])
async def test_pages_of_what_words_find_are_those_of_the_whole_list(
    letters: Database, ann: Principal, oldest: bool
) -> None:
    order = Task.id if oldest else Task.id.desc()
    for wanted, scope in product(SOUGHT, (None, ann.id)):
        async with letters.read() as session:
            mine = Task.owner_id == scope if scope else true()
            whole = (await session.execute(select(Task.id).where(wanted.where(), mine).order_by(order))).scalars()
            found, place = [], None
            while rows := await list_tasks(session, scope, wanted, place, 20, oldest=oldest):
                found += [row.id for row in rows]
                place = Cursor(rows[-1].created_at, rows[-1].id)
        assert found == list(whole), wanted


async def test_few_hits_are_sorted_first_and_many_are_met_on_the_way(letters: Database) -> None:
    few = {
        TaskFilter(q="company 7"): True,
        TaskFilter(q="letter"): False,
        TaskFilter(q="company 1"): True,
        TaskFilter(q="company 1", states=("queued",)): False,  # 150 would have to be looked up to find one
        TaskFilter(q="person7@example.org", states=("queued",)): True,
        TaskFilter(q="''"): False,
        TaskFilter(states=("queued",)): False,
    }
    async with letters.read() as session:
        assert {wanted: await few_hits(session, None, wanted) is not None for wanted in few} == few


async def test_only_the_rarest_word_is_looked_for_in_the_index(letters: Database) -> None:
    async with letters.read() as session:
        hits = await few_hits(session, None, TaskFilter(q="company lett person7@example.org"))
        assert hits is not None
        query = select(Task.title).join(hits, hits.c.task_id == Task.id).order_by(hits.c.task_id.desc()).limit(1)
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        with explaining(letters):
            plan = "\n".join((await session.execute(query)).scalars())
    [condition] = [line for line in plan.splitlines() if "Index Cond" in line and "words @@" in line]
    assert "person7@example.org" in condition
    assert "company" not in condition.split("'=")[0]
    # Sorted below the join: no task is looked up that the page does not show.
    assert plan.index("Nested Loop") < plan.index("Sort")
