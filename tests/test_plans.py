"""The plans of the hot statements: an index chosen for them, whatever the table's size."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.postgres.direct import _compiled
from holdgate.runs import time_queries
from holdgate.stats import counts
from holdgate.tasks.failures.groups import _OF_ALL, _OF_ONE
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, limits
from holdgate.tasks.search import sorting
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import list_tasks, matching
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.stats import index_words
from tests.servers import empty
from tests.statements import explaining

PRINT = "test.nothing:000000000007"


@pytest.fixture(scope="module")
async def crowded(shared_database: Database) -> Database:
    """Twenty thousand tasks of which few are ready, just vacuumed. Nobody here changes them."""
    database = shared_database
    await empty(database)
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 20_000)
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE random() < 0.9"))
    await index_words(database)
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE tasks, task_words, task_log"))
    return database


@pytest.fixture(scope="module")
async def buried(crowded: Database) -> Database:
    """Three thousand dead letters of thirty errors besides."""
    async with crowded.write("system") as session:
        person = text("INSERT INTO users (id, email) VALUES (:id, 'ann@example.org')")
        await session.execute(person, {"id": UUID(int=1)})
        dead = TaskRequest(kind="test.nothing", payload={}, queue="dead", owner_id=UUID(int=1))
        await enqueue_many(session, [dead] * 3000)
        await session.execute(
            text(
                "UPDATE tasks SET state = 'dead_letter', finished_at = now(),"
                " fingerprint = 'test.nothing:' || lpad((random() * 30)::int::text, 12, '0') WHERE queue = 'dead'"
            )
        )
    await index_words(crowded)
    async with crowded.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE tasks, task_words"))
    return crowded


async def plan_of(database: Database, statement: str) -> str:
    async with database.read() as session:
        return "\n".join((await session.execute(text(f"EXPLAIN {statement}"))).scalars())


async def test_the_claim_walks_the_ready_index_in_order_without_sorting(crowded: Database) -> None:
    plan = await plan_of(
        crowded,
        """SELECT id FROM tasks
           WHERE state || '' = 'queued' AND NOT limited AND queue = 'default'
             AND kind = ANY('{test.nothing,email.send}'::text[])
             AND NOT EXISTS (SELECT FROM queues WHERE name = 'default' AND paused_at IS NOT NULL)
           ORDER BY priority DESC, position LIMIT 20""",
    )
    assert "tasks_ready_idx" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT id FROM tasks WHERE state = 'running' AND lease_expires_at < now() ORDER BY id", "tasks_running_idx"),
        ("SELECT id FROM tasks WHERE state IN ('scheduled', 'retrying') AND run_at <= now()", "tasks_due_idx"),
        (
            "SELECT id FROM tasks WHERE state = 'queued' ORDER BY id DESC LIMIT 50",
            "tasks_state_idx",
        ),
        (
            """SELECT id FROM tasks WHERE deadline_at <= now() AND finished_at IS NULL AND state <> 'running'
               AND state = ANY('{queued,scheduled,retrying,paused,running,pending_approval,needs_input,needs_auth}')
               ORDER BY id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED""",
            "tasks_deadline_idx",
        ),
        (
            "SELECT position FROM tasks WHERE state = 'queued' AND NOT limited AND queue = 'default'"
            " AND priority = 50::smallint"
            " AND COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid) ="
            " '00000000-0000-0000-0000-000000000000' ORDER BY position + 0 DESC LIMIT 1",
            "tasks_share_idx",
        ),
        (
            "SELECT id FROM tasks WHERE state || '' = 'queued' AND limited AND kind = 'a' AND queue = 'default'"
            " ORDER BY priority DESC, position LIMIT 2",
            "tasks_limited_idx",
        ),
        (
            "SELECT FROM tasks WHERE state = 'running' AND limited AND kind = 'a' LIMIT 5",
            "tasks_limited_running_idx",
        ),
        ("SELECT id FROM tasks ORDER BY id DESC LIMIT 50", "tasks_pkey"),
        ("SELECT id FROM tasks WHERE state = 'dead_letter' AND fingerprint IS NULL LIMIT 5", "tasks_nameless_idx"),
        (
            "SELECT id FROM bulk_actions WHERE state IN ('running', 'waiting') AND due_at <= now()"
            " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
            "bulk_actions_due_idx",
        ),
        (
            f"SELECT task_id FROM bulk_tasks WHERE action_id = '{UUID(int=1)}' AND task_id > '{UUID(int=2)}'"
            " ORDER BY task_id LIMIT 500",
            "bulk_tasks_pkey",
        ),
        (
            f"SELECT task_id FROM bulk_tasks WHERE action_id = '{UUID(int=1)}' AND watch IS NOT NULL",
            "bulk_tasks_watch_idx",
        ),
        # The payload, a rare kind or queue; among few tasks the planner would rather walk over them.
        ("SELECT task_id FROM task_words WHERE words @@ CAST('#test.rare & @rare' AS tsquery)", "task_words_idx"),
        ("SELECT id FROM task_events WHERE xid >= (SELECT upto FROM rollup)", "task_log_pkey"),
        (f"SELECT id FROM task_events WHERE task_id = '{UUID(int=1)}' ORDER BY id", "task_log_task_idx"),
    ],
)
async def test_a_hot_statement_uses_its_index(crowded: Database, statement: str, index: str) -> None:
    async with crowded.read() as session:
        # Some of these tables are empty here, or have been small a moment ago; then reading them whole is as good.
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        assert index in "\n".join((await session.execute(text(f"EXPLAIN {statement}"))).scalars())


HELD = {"ids": [UUID(int=n) for n in range(400)], "attempts": [1] * 400, "now": None}
LISTS = ("states", "results", "errors", "delays", "reasons", "failed", "digests")


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (claims._FINISH, {**HELD, **{name: [None] * 400 for name in LISTS}}),
        (claims._FINISH, {**HELD, **{name: [None] * 400 for name in LISTS}, "results": ['{"done": true}'] * 400}),
        (claims._EXTEND, {**HELD, "lease": timedelta(seconds=15)}),
    ],
    ids=["finish", "finish with results", "extend"],
)
async def test_tasks_in_hand_are_found_by_their_ids_also_when_the_planner_believes_that_nothing_runs(
    crowded: Database, statement: TextClause, parameters: dict[str, object]
) -> None:
    async with crowded.read() as session:
        with explaining(crowded):
            plan = "\n".join((await session.execute(statement, parameters)).scalars())
    assert "tasks_pkey" in plan
    assert "tasks_running_idx" not in plan


async def _one_plan(connection: AsyncConnection, statement: str) -> str:
    """Of a statement as workers have it: for all values."""
    await connection.exec_driver_sql(f"PREPARE one_plan AS {statement}")
    values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))
    plan = "\n".join((await connection.exec_driver_sql(f"EXPLAIN EXECUTE one_plan({values})")).scalars())
    await connection.exec_driver_sql("DEALLOCATE one_plan")
    return plan


@pytest.mark.parametrize("statement", [claims._FINISH, claims._EXTEND], ids=["finish", "extend"])
async def test_the_one_plan_of_a_worker_compares_no_batch_with_itself(crowded: Database, statement: TextClause) -> None:
    """It is made for a few rows: as a nested loop of 500 outcomes over 500 it took most of a worker's time."""
    async with crowded.engine.connect() as connection:
        await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        plan = await _one_plan(connection, _compiled(statement)[0])
    joins = re.findall(r"Nested Loop|Hash Join|Merge Join", plan)
    assert plan.count("using tasks_pkey on tasks") == len(joins) > 0


@pytest.mark.parametrize(
    "statement",
    [
        _compiled(claims._CLAIM)[0],
        _compiled(limits._CLAIM)[0],
        _compiled(limits._WAITING)[0],
        "SELECT position FROM tasks WHERE state || '' = 'queued' AND NOT limited AND queue = $1 AND priority = $2"
        " ORDER BY position LIMIT 1",
    ],
    ids=["claim", "claim with limits", "limited kinds that wait", "head of a queue"],
)
async def test_no_index_but_that_of_the_order_can_serve_a_claim(crowded: Database, statement: str) -> None:
    """Made while nothing waited, the one plan of a worker sorted the 100,000 tasks that then came, for each claim."""
    async with crowded.engine.connect() as connection:
        await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("DROP INDEX tasks_ready_idx, tasks_limited_idx"))
        plan = await _one_plan(connection, statement)
        await connection.rollback()
    assert not re.findall(r"tasks_(?!pkey)\w+_idx", plan), plan


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (TaskFilter(q="rare wo"), "task_words_idx"),
        (TaskFilter(fingerprint=PRINT), "tasks_fingerprint_idx"),
        (
            TaskFilter(fingerprint=PRINT, states=("dead_letter",)),
            "tasks_open_errors_idx or tasks_died_idx or tasks_died_of_owner_idx",
        ),
        (TaskFilter(states=("queued",)), "tasks_state_idx"),
        (TaskFilter(), "tasks_pkey"),
        (TaskFilter(owner=str(UUID(int=1))), "tasks_owner_idx"),
        (TaskFilter(ids=(UUID(int=1),)), "tasks_pkey"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_filtered_list_uses_an_index(buried: Database, wanted: TaskFilter, index: str) -> None:
    async with buried.read() as session:
        listed = select(Task.id).where(wanted.where()).order_by(Task.id.desc()).limit(51)
        with explaining(buried):
            plan = "\n".join((await session.execute(listed.with_only_columns(Task.title))).scalars())
    assert any(each in plan for each in index.split(" or ")), plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("wanted", "walked"),
    [
        (TaskFilter(kind="test.nothing"), "tasks_pkey"),
        (TaskFilter(queue="dead"), "tasks_pkey"),
        (TaskFilter(queue="default", kind="test.nothing", states=("queued",)), "tasks_state_idx"),
        (TaskFilter(queue="nowhere"), ""),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_kind_or_queue_that_many_tasks_have_is_met_by_walking_the_list(
    buried: Database, wanted: TaskFilter, walked: str
) -> None:
    """By their words all of them were looked up, one by one, for a page of 50."""
    async with buried.read() as session:
        found = await matching(session, None, wanted)
        listed = found.of(select(Task.title)).order_by(found.id.desc()).limit(51)
        with explaining(buried):
            plan = "\n".join((await session.execute(listed)).scalars())
    assert (f"Backward using {walked} on tasks" in plan) == bool(walked), plan
    assert ("task_words" in plan) != bool(walked), plan


@pytest.mark.parametrize("statement", [counts._BY_STATE, time_queries._TIMES], ids=["counts", "times of runs"])
async def test_what_follows_a_cursor_is_taken_for_little_of_the_log(crowded: Database, statement: TextClause) -> None:
    """Taken for a third of 30,000,000 events, the few that were not folded yet were sought among all of them."""
    values: dict[str, object] = {"now": None, "runs": [], "states": [], "stages": []}
    async with crowded.read() as session:
        with explaining(crowded):
            plan = "\n".join((await session.execute(statement, values)).scalars())
    [rows] = re.findall(r" on task_log e?\b.* rows=(\d+)", plan)
    assert int(rows) < 1000, plan


@pytest.mark.parametrize("column", sorting.COLUMNS)
@pytest.mark.parametrize("wanted", [TaskFilter(), TaskFilter(states=("queued",)), TaskFilter(owner=str(UUID(int=1)))])
async def test_a_sorted_list_reads_no_more_rows_than_it_sorts(
    buried: Database, monkeypatch: pytest.MonkeyPatch, column: str, wanted: TaskFilter
) -> None:
    """No index has that order; the newest that match have one, and only so many of them are looked at."""
    monkeypatch.setattr(sorting, "SORTED", 200)
    async with buried.read() as session:
        query = await sorting.ranking(session, None, wanted, sorting.TaskOrder(column), None, 51)
        with explaining(buried, how="(ANALYZE, TIMING OFF)"):
            plan = "\n".join((await session.execute(query.with_only_columns(Task.title))).scalars())
    assert "Seq Scan" not in plan, plan
    read = [int(rows) for rows in re.findall(r"actual rows=(\d+)", plan)]
    assert max(read) <= 200, plan


@pytest.mark.parametrize(
    "wanted",
    [
        TaskFilter(kind="test.nothing", q="rare wo"),
        TaskFilter(kind="test.nothing", payload="word:x"),
        TaskFilter(q="rare wo", payload="word:x", kind="test.nothing"),
    ],
    ids=["kind and words", "kind and payload", "all three"],
)
async def test_what_is_looked_for_among_the_words_is_one_look(buried: Database, wanted: TaskFilter) -> None:
    """As two, a common kind and a common word were taken for rare together, and half of the tasks listed first."""
    async with buried.read() as session:
        with explaining(buried):
            plan = "\n".join((await session.execute(select(Task.title).where(wanted.where()).limit(51))).scalars())
    assert len(re.findall(r" on task_words\b", plan)) == 1
    assert "AND (words @@" not in plan


async def test_a_filtered_list_is_planned_for_the_values_it_is_asked_for(buried: Database) -> None:
    """A plan for all values, which PostgreSQL takes after five calls, walks past 300,000 tasks to find ten."""
    made = text(
        "SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE 'SELECT tasks.%'"
    )
    wanted = TaskFilter(kind="test.nothing", states=("resolved",), q="company")
    async with buried.read() as session:
        before = (await session.execute(made)).scalar_one()
        for _ in range(10):
            await list_tasks(session, None, wanted, None, 51)
        assert (await session.execute(made)).scalar_one() == before
    async with buried.read() as session:
        assert (await session.execute(text("SHOW plan_cache_mode"))).scalar_one() == "auto", "others go on as they were"


@pytest.mark.parametrize("owner", [None, UUID(int=1)], ids=["everybody's", "one's own"])
async def test_the_groups_of_dead_letters_take_no_longer_with_more_of_them(
    buried: Database, owner: UUID | None
) -> None:
    statement, values = (_OF_ALL, {}) if owner is None else (_OF_ONE, {"owner": owner})
    async with buried.read() as session:
        with explaining(buried):
            plan = "\n".join((await session.execute(statement, {"limit": 200, **values})).scalars())
    assert plan.count("tasks_died_idx" if owner is None else "tasks_died_of_owner_idx") == 2
    assert "Seq Scan on tasks" not in plan
    assert "Aggregate" not in plan.split("error_counts")[1]


async def test_a_place_in_a_queue_that_was_never_analysed_is_found_without_reading_the_queue(
    shared_database: Database,
) -> None:
    """All indexes look alike to the planner then, and it used to sort the whole queue for each task."""
    await empty(shared_database)
    nothing = TaskRequest(kind="test.nothing", payload={})
    rows = text("SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'tasks'")
    async with shared_database.write("system") as session:
        await enqueue_many(session, [nothing] * 1000)
    for number in (1, 100):
        async with shared_database.write("system") as session:
            before = (await session.execute(rows)).scalar_one()
            await enqueue_many(session, [nothing] * number)
            assert (await session.execute(rows)).scalar_one() - before < 20
