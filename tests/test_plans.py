"""The plans of the hot statements: an index chosen for them, whatever the table's size."""

from uuid import UUID

import pytest
from sqlalchemy import text

import tests.tasks.kinds  # noqa: F401
from app.core.db import Database
from app.tasks.service import TaskRequest, enqueue_many


@pytest.fixture
async def crowded(database: Database) -> Database:
    """Ten thousand tasks of which few are ready, analysed."""
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 10_000)
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE random() < 0.9"))
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE tasks"))
    return database


async def plan_of(database: Database, statement: str) -> str:
    async with database.read() as session:
        return "\n".join((await session.execute(text(f"EXPLAIN {statement}"))).scalars())


async def test_the_claim_walks_the_ready_index_in_order_without_sorting(crowded: Database) -> None:
    plan = await plan_of(
        crowded,
        """SELECT id FROM tasks
           WHERE state = 'queued' AND NOT limited AND queue = 'default'
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
            "SELECT id FROM tasks WHERE state = 'queued' ORDER BY created_at DESC, id DESC LIMIT 50",
            "tasks_state_created_idx",
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
            " '00000000-0000-0000-0000-000000000000' ORDER BY -position LIMIT 1",
            "tasks_share_idx",
        ),
        (
            "SELECT id FROM tasks WHERE state = 'queued' AND limited AND kind = 'a' AND queue = 'default'"
            " ORDER BY priority DESC, position LIMIT 2",
            "tasks_limited_idx",
        ),
        (
            "SELECT FROM tasks WHERE state = 'running' AND limited AND kind = 'a' LIMIT 5",
            "tasks_limited_running_idx",
        ),
        ("SELECT id FROM task_events WHERE xid >= (SELECT upto FROM rollup)", "task_events_xid_idx"),
        (f"SELECT id FROM task_events WHERE task_id = '{UUID(int=1)}' ORDER BY id", "task_events_task_id_idx"),
    ],
)
async def test_a_hot_statement_uses_its_index(crowded: Database, statement: str, index: str) -> None:
    assert index in await plan_of(crowded, statement)
