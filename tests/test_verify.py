"""`holdgate verify` without files: silent when everything agrees, plain and loud about what was changed by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.stats.counts import fold_events
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.queue.retention import Rules, prune_tasks
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskVerb
from holdgate.verify import verify_database
from tests.command import command
from tests.factories.approvals import Asked
from tests.factories.installation import lived
from tests.processes import environment
from tests.servers import Servers, empty, kept, settings_of


async def verified(settings: Settings) -> tuple[bool, str]:
    lines: list[str] = []
    fine = await verify_database(settings, lines.append)
    return fine, "\n".join(lines)


@pytest.fixture(scope="module")
async def life(
    servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Asked, Callable[[], Awaitable[None]]]]:
    await empty(shared_database)
    asked = await lived(shared_database, settings_of(servers, tmp_path_factory.mktemp("verify")))
    async with kept(shared_database) as put_back:
        yield asked, put_back


@pytest.fixture
async def asked(life: tuple[Asked, Callable[[], Awaitable[None]]]) -> Asked:
    """In a database in which everything has happened."""
    asked, put_back = life
    await put_back()
    return asked


async def test_a_database_in_which_everything_has_happened_is_fine(asked: Asked, settings: Settings) -> None:
    fine, told = await verified(settings)
    assert fine, told
    assert told.count("ok") == len(told.splitlines()) == 10


async def by_hand(database: Database, statement: str, asked: Asked) -> None:
    """As somebody who may do everything, with the triggers off."""
    async with database.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        names = {"task": asked.task_id, "approval": asked.approval_id}
        used = {name: value for name, value in names.items() if f":{name}" in statement}
        await connection.execute(text(statement), used)


TAMPERING = {
    "a count was changed": ("UPDATE task_counts SET n = n + 1 WHERE state = 'succeeded'", "are counted as succeeded"),
    "a total was changed": (
        "UPDATE task_totals SET n = n + 1 WHERE state = 'succeeded'",
        "the total of succeeded tasks",
    ),
    "an error was counted once more": (
        "INSERT INTO error_counts (fingerprint, dead, n) VALUES ('sample.task:0123456789ab', true, 1)",
        "1 tasks are counted with the error sample.task:0123456789ab, and 0 have it (dead letters, owner none)",
    ),
    "a task was deleted": ("DELETE FROM tasks WHERE id = :task", "is gone, but the log ends with queued"),
    "a task was put in": (
        "INSERT INTO tasks (id, kind, lane, queue) VALUES (gen_random_uuid(), 'k', 1, 'q')",
        "the log ends with nothing",
    ),
    "a state was changed": (
        "UPDATE tasks SET state = 'retrying', run_at = now() WHERE id = :task",
        "is retrying, but the log ends",
    ),
    "an event was removed": (
        "DELETE FROM task_log WHERE task_id = :task AND verb = 'hold'",
        "but the one before led to running",
    ),
    "another person decided": (
        "UPDATE approvals SET decided_by = 'eve@example.org' WHERE id = :approval",
        "is approved by eve@example.org",
    ),
    "a decision was turned round": (
        "UPDATE approvals SET state = 'rejected' WHERE id = :approval",
        "is rejected by admin@example.org",
    ),
    "a decision was moved in time": (
        "UPDATE approvals SET decided_at = decided_at - interval '1 s' WHERE id = :approval",
        "is a decision that no question knows",
    ),
    "a question was removed": ("DELETE FROM approvals WHERE id = :approval", "is a decision that no question knows"),
    "an open question was removed": ("DELETE FROM approvals WHERE state = 'pending'", "holds (pending_approval) on no"),
    "what was shown was changed": (
        'UPDATE approvals SET shown = \'{"Name": "y"}\' WHERE id = :approval',
        "is not what was shown",
    ),
    "a title was changed": ("UPDATE approvals SET title = 'May it?' WHERE id = :approval", "is not what was shown"),
}


@pytest.mark.parametrize(("statement", "sentence"), TAMPERING.values(), ids=TAMPERING)
async def test_what_was_changed_behind_its_back_is_told(
    shared_database: Database, settings: Settings, asked: Asked, statement: str, sentence: str
) -> None:
    await by_hand(shared_database, statement, asked)
    fine, told = await verified(settings)
    assert not fine
    assert sentence in told, told
    assert "DRIFT" in told


async def test_it_is_right_while_others_write_fold_and_prune(database: Database, settings: Settings) -> None:
    stop = asyncio.Event()

    async def again(work: Callable[..., Awaitable[object]]) -> None:
        while not stop.is_set():
            async with database.write("system") as session:
                await work(session)

    async def enqueue(session: object) -> None:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 20)  # type: ignore[arg-type]

    async def cancel(session: object) -> None:
        await move_tasks(session, TaskVerb.CANCEL, Task.kind == "test.nothing", limit=10, skip_locked=True)  # type: ignore[arg-type]

    async def prune(session: object) -> None:
        await prune_tasks(session, Rules(finished=timedelta(seconds=-1)), limit=5)  # type: ignore[arg-type]

    others = [asyncio.create_task(again(work)) for work in (enqueue, cancel, fold_events, prune)]
    try:
        for _ in range(10):
            fine, told = await verified(settings)
            assert fine, told
    finally:
        stop.set()
        await asyncio.gather(*others)


async def test_the_command_ends_with_1_when_something_is_wrong_and_with_0_when_not(
    shared_database: Database, servers: Servers, asked: Asked, tmp_path: Path
) -> None:
    environ = environment(servers, tmp_path, DATA_DIR="/nonexistent")
    fine = await command(environ, "verify")
    assert (fine.exit_code, "DRIFT" in fine.stdout) == (0, False), fine.output
    await by_hand(shared_database, "UPDATE task_counts SET n = n + 1 WHERE state = 'succeeded'", asked)
    wrong = await command(environ, "verify")
    assert (wrong.exit_code, "are counted as succeeded" in wrong.stdout) == (1, True), wrong.output
