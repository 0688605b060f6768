"""A deleted run leaves the lists at once, and its tasks soon; what people have decided stays."""

from uuid import UUID

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Conflict
from holdgate.core.upkeep import Round
from holdgate.runs import retention
from holdgate.runs.errors import RunNotFound, RunRefuses
from holdgate.runs.models import Run
from holdgate.runs.service import add_tasks
from holdgate.stats.counts import counts_by_run
from holdgate.tasks.models import Task
from holdgate.tasks.queue import archiving
from holdgate.tasks.service import TaskRequest
from tests.elements import elements
from tests.factories.approvals import ANN, agree, by_link, principal, put_question
from tests.factories.runs import start
from tests.factories.site import browser_of, site_of


async def swept(database: Database, settings: Settings) -> None:
    """All beats that are due, as the sweeper does them."""
    due = True
    while due:
        round = Round(database, settings, 1e9, [])
        async with database.write("system") as session:
            await retention.discard(session, round)
        for work in round.after:
            await work()
        async with database.read() as session:
            due = bool(await session.scalar(select(retention.DELETED)))


async def ended(database: Database) -> None:
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE finished_at IS NULL")
        )


async def delete(database: Database, by: object, run: UUID) -> None:
    async with database.write(by.actor) as session:  # type: ignore[attr-defined]
        await retention.delete_run(session, by, run)  # type: ignore[arg-type]


async def test_a_deleted_run_takes_its_tasks_along_and_nothing_else(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "CHUNK", 2)
    ann, eve = await principal(database), await principal(database, "eve@example.org")
    run, other = await start(database, ann, 5), await start(database, ann, 2)
    with pytest.raises(Conflict):
        await delete(database, ann, run)
    await ended(database)
    with pytest.raises(RunNotFound):
        await delete(database, eve, run)
    await delete(database, ann, run)
    with pytest.raises(RunNotFound):
        await delete(database, ann, run)
    with pytest.raises(RunRefuses):
        async with database.write(ann.actor) as session:
            await add_tasks(session, ann, run, [TaskRequest(kind="test.steps", payload={"name": "late"})])
    async with database.read() as session:
        verbs = await session.execute(text("SELECT verb, actor FROM run_events WHERE run_id = :id"), {"id": run})
        assert ("deleted", ann.actor) in {tuple(row) for row in verbs}
    await swept(database, settings)
    async with database.read() as session:
        assert await session.get(Run, run) is None
        assert set((await session.execute(select(Task.run_id))).scalars()) == {other}
        assert (await counts_by_run(session, [run, other]))[other] == {"cancelled": 2}
        assert (await counts_by_run(session, [run]))[run] == {}


async def test_tasks_on_which_people_have_decided_stay_with_the_page_of_their_run(
    database: Database, settings: Settings, redis: Redis
) -> None:
    owner = await principal(database)
    run = await start(database, owner, 1)
    asked = await put_question(database, settings, run_id=run, recipients=(ANN,))
    await by_link(database, asked, 0, agree(asked))
    await ended(database)
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        assert (await browser.send_form(f"/runs/{run}/delete", {})).status_code == 303
        assert not elements(await browser.get("/runs"), "tr", id=f"run-{run}")
        await swept(database, settings)
        async with database.read() as session:
            assert list((await session.execute(select(Task.id).where(Task.run_id == run))).scalars()) == [asked.task_id]
            assert not await session.scalar(select(retention.DELETED)), "the sweeper is done with it"
        assert elements(await browser.get(f"/runs/{run}"), data_notice="deleted")
        assert (await browser.get(f"/tasks/{asked.task_id}")).status_code == 200
        refused = await browser.send_form(f"/tasks/{asked.task_id}/retry", {})
        assert refused.status_code == 409, "a deleted run takes nothing more"


async def test_the_tasks_of_a_deleted_run_are_in_the_archive_first(database: Database, settings: Settings) -> None:
    kept = msgspec.structs.replace(settings, retention_archive=True)
    ann = await principal(database)
    run = await start(database, ann, 3)
    await ended(database)
    await delete(database, ann, run)
    await swept(database, kept)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Task)) == 0
    [file] = (kept.data_dir / "artifacts" / "archive").rglob("tasks-*.jsonl")
    lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    assert {line["task"]["run_id"] for line in lines} == {str(run)}
    assert len(lines) == 3
