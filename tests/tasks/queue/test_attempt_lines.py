"""What a handler logs is kept for its task's page: the last lines of each attempt, also of one that failed."""

from uuid import UUID

import pytest
from redis.asyncio import Redis

import tests.runtime.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts.journal import MOST_LINES, Journal
from holdgate.tasks.models import AttemptLines
from holdgate.tasks.queue.attempt_lines import MOST_ATTEMPTS, LoggedLines, lines_of, write_lines
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import claim, make_task, put
from tests.factories.workers import until_state, working


async def kept(database: Database, task: UUID) -> list[AttemptLines]:
    async with database.read() as session:
        return await lines_of(session, task)


async def test_the_last_lines_of_every_attempt_are_on_the_page_of_its_task(
    database: Database, settings: Settings, redis: Redis
) -> None:
    root = await principal(database, "root@example.org", admin=True)
    async with working(database, settings):
        task = await put(database, "test.says", "log")
        await until_state(database, task, "succeeded")
    second, first = await kept(database, task)
    for attempt in (first, second):
        assert (attempt.total, len(attempt.lines)) == (206, MOST_LINES)
        assert attempt.lines[0][1:] == ["info", "counted number=6"]
        assert attempt.lines[-1][1] == "warning", "a thread's line is among them"
        assert "hunter2" not in attempt.lines[-1][2]
    assert f"attempt {second.attempt}" in second.lines[-1][2]
    async with site_of(settings, database, redis) as transport, browser_of(transport, root) as browser:
        page = await browser.get(f"/tasks/{task}")
    shown = texts(page, role="log")
    assert len(shown) == 2
    assert f"attempt {second.attempt}" in shown[0]
    assert len(elements(page, "span", data_level="info")) == 2 * (MOST_LINES - 1)


async def test_a_line_that_comes_while_others_are_written_is_written_next_and_silence_writes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_task(database)
    [claimed] = await claim(database)
    journal = Journal(database, "worker:test")
    lines = journal.of(claimed)
    lines(("12:00", "info", "first"))
    await journal.flush()
    lines(("12:01", "info", "second"))
    await journal.flush()
    [row] = await kept(database, claimed.id)
    assert [line[2] for line in row.lines] == ["first", "second"]
    monkeypatch.setattr(Database, "write", None)
    await journal.flush()


async def test_a_line_that_no_database_can_hold_is_kept_as_an_escape_and_ends_no_worker(database: Database) -> None:
    await make_task(database)
    [claimed] = await claim(database)
    journal = Journal(database, "worker:test")
    journal.of(claimed)(("12:00", "info", "a \0 and \udcff"))
    await journal.flush()
    [row] = await kept(database, claimed.id)
    assert row.lines[0][2] == "a \\x00 and \\udcff"


async def test_a_task_keeps_its_last_attempts_and_one_that_is_gone_keeps_nothing(database: Database) -> None:
    task = await make_task(database)
    gone = UUID(int=7)
    async with database.write("worker:test") as session:
        for attempt in range(1, MOST_ATTEMPTS + 3):
            line = [("12:00", "info", str(attempt))]
            await write_lines(session, [LoggedLines(task, attempt, 1, line), LoggedLines(gone, attempt, 1, line)])
    assert [row.attempt for row in await kept(database, task)] == list(range(MOST_ATTEMPTS + 2, 2, -1))
    assert await kept(database, gone) == []
