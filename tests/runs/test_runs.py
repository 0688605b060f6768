"""Runs: starting, pausing, resuming, cancelling; and tasks that a decision would let slip past a pause."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import event, func, select, text, update

from holdgate.approvals.requests import deciding
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.runs import queries, service
from holdgate.runs.errors import EmptyRun, RunNotFound, RunRefuses
from holdgate.runs.models import Run
from holdgate.runs.states import RUN_MACHINE, RunState, RunVerb
from holdgate.stats.counts import counts_by_run
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskVerb
from tests.elements import elements
from tests.factories.approvals import approve, principal, put_question
from tests.factories.site import browser_of, site_of
from tests.factories.workers import task_of


def tasks(n: int) -> list[TaskRequest]:
    return [TaskRequest(kind="test.steps", payload={"name": str(i)}) for i in range(n)]


async def start(database: Database, by: Principal, n: int = 3) -> UUID:
    async with database.write(by.actor) as session:
        return await service.start_run(session, by, "A run", tasks(n))


async def act(database: Database, by: Principal, run_id: UUID, verb: RunVerb) -> None:
    async with database.write(by.actor) as session:
        await service.act(session, by, run_id, verb)


async def counts(database: Database, run_id: UUID) -> dict[str, int]:
    async with database.read() as session:
        return (await counts_by_run(session, [run_id]))[run_id]


async def test_pausing_resuming_and_cancelling_move_the_tasks_along(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    for verb, state in ((RunVerb.PAUSE, "paused"), (RunVerb.RESUME, "queued"), (RunVerb.CANCEL, "cancelled")):
        await act(database, ann, run_id, verb)
        assert await counts(database, run_id) == {state: 3}


@pytest.mark.parametrize("verb", list(RunVerb))
@pytest.mark.parametrize("state", list(RunState))
async def test_a_verb_moves_a_run_only_from_the_states_it_leads_from(
    database: Database, verb: RunVerb, state: RunState
) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    if state is not RunState.ACTIVE:
        await act(database, ann, run_id, RunVerb.PAUSE if state is RunState.PAUSED else RunVerb.CANCEL)
    if RUN_MACHINE.allows(verb, state):
        await act(database, ann, run_id, verb)
    else:
        with pytest.raises(RunRefuses):
            await act(database, ann, run_id, verb)


async def test_a_large_run_follows_in_chunks_by_the_sweeper(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 10)
    ann = await principal(database)
    run_id = await start(database, ann, 35)
    await act(database, ann, run_id, RunVerb.PAUSE)
    assert await counts(database, run_id) == {"paused": 10, "queued": 25}
    more, beats = True, 0
    while more:
        async with database.write("system") as session:
            more = await service.settle(session)
        beats += 1
    assert beats == 3
    assert await counts(database, run_id) == {"paused": 35}


async def test_a_settled_run_is_not_looked_at_again(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    async with database.write("system") as session:
        await service.settle(session, now=datetime.now(UTC) + timedelta(minutes=1))
    assert await settled(database, run_id)
    await act(database, ann, run_id, RunVerb.CANCEL)
    assert not await settled(database, run_id)


async def settled(database: Database, run_id: UUID) -> bool:
    async with database.read() as session:
        return (await queries.get_run(session, run_id)).settled_at is not None


async def beat(database: Database) -> tuple[bool, int]:
    """One of the sweeper: whether there is more to do, and the statements that it took."""
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    try:
        async with database.write("system") as session:
            return await service.settle(session), statements
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", count)


async def test_however_many_runs_are_paused_one_beat_of_the_sweeper_does_so_much_and_then_hardly_anything(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 10)
    monkeypatch.setattr(service, "RUNS", 8)
    ann = await principal(database)
    paused = [await start(database, ann, 4 if n < 10 else 1) for n in range(30)]
    async with database.write("system") as session:
        for run_id in paused:  # not their tasks yet
            await queries.move_run(session, run_id, RunVerb.PAUSE, None)
    more, waiting = True, [10 * 4 + 20]
    while more:
        more, statements = await beat(database)
        assert statements <= 2 * 8 + 4
        async with database.read() as session:
            waiting.append(await session.scalar(text("SELECT count(*) FROM tasks WHERE state = 'queued'")) or 0)
    assert waiting[-1] == 0
    assert max(before - after for before, after in pairwise(waiting)) < 10 + 4, waiting
    assert (await beat(database))[1] <= 4, "none of those that agree is looked at alone"


async def test_a_task_approved_while_its_run_is_paused_waits_with_it(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    asked = await put_question(database, settings, run_id=run_id)
    await act(database, ann, run_id, RunVerb.PAUSE)
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")
    assert (await task_of(database, asked.task_id)).state == "paused"
    await act(database, ann, run_id, RunVerb.RESUME)
    task = await task_of(database, asked.task_id)
    assert (task.state, task.priority) == ("queued", 200)


async def test_tasks_added_to_a_paused_run_come_paused_and_a_cancelled_one_takes_none(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 1)
    await act(database, ann, run_id, RunVerb.PAUSE)
    async with database.write(ann.actor) as session:
        await service.add_tasks(session, ann, run_id, tasks(2))
    assert await counts(database, run_id) == {"paused": 3}
    await act(database, ann, run_id, RunVerb.CANCEL)
    with pytest.raises(RunRefuses):
        async with database.write(ann.actor) as session:
            await service.add_tasks(session, ann, run_id, tasks(1))


async def test_cancelling_and_pausing_at_once_leaves_run_and_tasks_agreeing(database: Database) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 50)

    async def quietly(verb: RunVerb) -> None:
        with suppress(RunRefuses):
            await act(database, ann, run_id, verb)

    await asyncio.gather(quietly(RunVerb.PAUSE), quietly(RunVerb.CANCEL))
    async with database.write("system") as session:
        await service.settle(session)
    async with database.read() as reading:
        assert (await reading.get_one(Run, run_id)).state == "cancelled"
    assert await counts(database, run_id) == {"cancelled": 50}


async def test_an_empty_or_nameless_run_is_refused_and_nothing_is_written(database: Database) -> None:
    ann = await principal(database)
    for name, requests, error in (("A run", [], EmptyRun), ("  ", tasks(1), Invalid), ("x" * 201, tasks(1), Invalid)):
        with pytest.raises(error):
            async with database.write(ann.actor) as session:
                await service.start_run(session, ann, name, requests)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Run)) == 0
        assert await session.scalar(select(func.count()).select_from(Task)) == 0


async def test_somebody_elses_run_does_not_exist_for_others(database: Database) -> None:
    ann, eve = await principal(database), await principal(database, "eve@example.org")
    run_id = await start(database, ann, 1)
    with pytest.raises(RunNotFound):
        await act(database, eve, run_id, RunVerb.CANCEL)
    admin = await principal(database, "root@example.org", admin=True)
    await act(database, admin, run_id, RunVerb.CANCEL)


async def test_a_run_of_which_tasks_failed_is_no_success_and_is_found_as_such(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann, bob = await principal(database), await principal(database, "bob@example.org")
    failed, fine = await start(database, ann, 2), await start(database, ann, 1)
    async with database.write("system") as session:
        await move_tasks(session, TaskVerb.BURY, Task.run_id == failed, reason="It broke.", error="ValueError")
        await move_tasks(session, TaskVerb.CANCEL, Task.run_id == fine)
        await session.execute(update(Run).values(finished_at=func.now()))
    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, ann) as browser:
            page = await browser.get("/runs")
            looks = {row["id"]: row.text for row in elements(page, "tr", id=True)}
            assert "2 failed" in looks[f"run-{failed}"] and "failed" not in looks[f"run-{fine}"]
            assert "failed" in {each["data-state"] for each in elements(page, "span", class_="badge")}
            rows = elements(await browser.get("/runs?state=failed"), "tr", id=True)
            assert [row["id"] for row in rows] == [f"run-{failed}"]
            assert (await browser.send_form(f"/runs/{failed}/rename", {"name": " Spring   run "})).status_code == 303
            assert (await browser.send_form(f"/runs/{failed}/rename", {"name": " "})).status_code == 422
        async with browser_of(transport, bob) as browser:
            assert (await browser.send_form(f"/runs/{failed}/rename", {"name": "Mine"})).status_code == 404
    async with database.read() as session:
        assert (await session.get_one(Run, failed)).name == "Spring run"
