"""However an attempt ends, its task gets an outcome and its worker lives: against a real worker process."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest, enqueue
from tests.chaos.endings import RESULTS, WAYS
from tests.factories.workers import until, until_state
from tests.processes import Process, environment, worker
from tests.servers import Servers

# Long, so that no lease runs out and makes an ending look like a lost worker.
LEASE = "120"


@pytest.fixture
async def process(evidence: Database, servers: Servers, tmp_path: Path) -> AsyncIterator[Process]:
    environ = environment(servers, tmp_path, KINDS="tests.chaos.endings", LEASE_SECONDS=LEASE)
    with worker(environ, tmp_path / "worker.log") as started:
        yield started
        # Whatever happened, it still works, holds nothing and ends in peace.
        assert started.alive, started.said()[-3000:]
        await until_state(evidence, await put(evidence, "ends.well", "last"), "succeeded")
        assert started.stop() == 0, started.said()[-3000:]
        async with evidence.read() as session:
            assert await session.scalar(text("SELECT count(*) FROM tasks WHERE state = 'running'")) == 0
            assert await session.scalar(text("SELECT sum(lease_losses) FROM tasks")) == 0


async def put(database: Database, kind: str, name: str) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind=kind, payload={"name": name}))


async def ended(database: Database, tasks: dict[str, UUID]) -> dict[str, Task]:
    return {name: await until_state(database, id, "dead_letter") for name, id in tasks.items()}


async def test_every_end_of_a_handler_is_a_failed_attempt(evidence: Database, process: Process) -> None:
    tasks = {name: await put(evidence, "ends", name) for name in WAYS}
    for kind in ("ends.thread", "ends.process"):
        tasks |= {f"{kind} {way}": await put(evidence, kind, way) for way in ("exit", "cancel", "own")}
    found = await ended(evidence, tasks)
    assert {name: task.failures for name, task in found.items()} == {
        name: 1 if name == "permanent in a group" else 2 for name in tasks
    }
    told = {name: task.reason or "" for name, task in found.items()}
    assert "sys.exit(4)" in told["exits"]
    assert "SystemExit(4)" in told["exits in a task"]
    assert "cancelled by its own code" in told["cancels itself"]
    assert "caf\\udce9" in told["surrogate"]
    assert told["group"] == "2 errors: ValueError: no \\udce9; OSError: nor this"
    assert told["permanent in a group"] == "never"
    assert all(told.values())
    assert max(map(len, told.values())) <= 500
    assert max(len(str(task.error)) for task in found.values()) < 40_000


async def test_what_cannot_be_stored_ends_its_task_at_once_and_is_never_done_again(
    evidence: Database, process: Process
) -> None:
    kinds = ("ends.result", "ends.step")
    tasks = {f"{kind} {name}": await put(evidence, kind, name) for name in RESULTS for kind in kinds}
    tasks["mistyped"] = await put(evidence, "ends.mistyped", "mistyped")
    found = await ended(evidence, tasks)
    assert {task.failures for task in found.values()} == {1}
    assert all(task.error and task.error["type"] == "PermanentError" for task in found.values())
    async with evidence.read() as session:
        rows = await session.execute(text("SELECT name, count(*) FROM evidence GROUP BY name"))
        assert dict([(row[0], row[1]) for row in rows]) == {**dict.fromkeys(RESULTS, 2), "mistyped": 1}
        assert await session.scalar(text("SELECT count(*) FROM task_steps")) == 0
    for name, task in found.items():
        assert (task.reason or "").startswith("The result "), name
        assert ("'effect'" in (task.reason or "")) == ("step" in name)
        assert "artifact" in (task.reason or "") or "large" not in name
        assert not any(word in str(task.reason) for word in ("sqlalchemy", "asyncpg", "jsonb", "SQL: "))


async def test_a_task_with_odd_texts_in_its_progress_and_log_and_a_backslash_in_its_result_succeeds(
    evidence: Database, process: Process
) -> None:
    task = await until_state(evidence, await put(evidence, "ends.well", "\\u0000"), "succeeded")
    assert (task.payload, task.result) == ({"name": "\\u0000"}, "\\u0000")
    assert task.progress is not None
    assert task.progress["note"].startswith("half\\x00 of caf\\udce9")
    assert len(task.progress["note"]) == 500


async def test_the_next_attempt_after_many_failures_is_planned_by_the_cap(evidence: Database, process: Process) -> None:
    task_id = await put(evidence, "ends.late", "late")
    await until_state(evidence, task_id, "retrying")
    async with evidence.write("system") as session:
        # The 47th failure is the first at which the doubled time is more than a timedelta holds.
        await session.execute(text("UPDATE tasks SET failures = 46, run_at = now()"))

    async def failed_again() -> bool:
        async with evidence.read() as session:
            return bool(await session.scalar(text("SELECT failures = 47 AND state = 'retrying' FROM tasks")))

    await until(failed_again)
    async with evidence.read() as reading:
        assert await reading.scalar(text("SELECT run_at - now() <= interval '1 h' FROM tasks"))
