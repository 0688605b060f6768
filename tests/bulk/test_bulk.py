"""Bulk actions touch exactly what matched, once, and say what they did."""

import asyncio
import json
from uuid import UUID

import pytest
from sqlalchemy import select, text

from holdgate.bulk import service
from holdgate.bulk.errors import ActionEnded, ActionNotFound, NothingMatches, Outgrown
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.stats.counts import counts_by_state
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest, resolve
from holdgate.tasks.states import TaskState
from tests.factories.bulk import action_of, beat, finish, log_of, start
from tests.factories.people import add_user
from tests.factories.tasks import make_task
from tests.factories.workers import task_of, verbs_of

DEAD = TaskState.DEAD_LETTER
DEAD_LETTERS = TaskFilter(states=("dead_letter",))


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


@pytest.fixture
async def root(database: Database) -> Principal:
    return await add_user(database, "root@example.org", "admin")


async def bury(database: Database, task_ids: list[UUID]) -> None:
    """They fail again."""
    async with database.write("worker:x") as session:
        await session.execute(
            text(
                "UPDATE tasks SET state = 'running', attempt = attempt + 1, lease_expires_at = now() + interval '1 min'"
                " WHERE id = ANY(:ids)"
            ),
            {"ids": task_ids},
        )
        await session.execute(
            text(
                "UPDATE tasks SET state = 'dead_letter', lease_expires_at = NULL, finished_at = now()"
                " WHERE id = ANY(:ids)"
            ),
            {"ids": task_ids},
        )


async def test_all_that_matched_are_retried_and_nothing_that_comes_to_match_later(
    database: Database, ann: Principal
) -> None:
    mine = [await make_task(database, DEAD, owner_id=ann.id) for _ in range(3)]
    succeeded = await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    running = await make_task(database, TaskState.RUNNING, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    async with database.write("worker:x") as session:
        await session.execute(
            text("UPDATE tasks SET state = 'dead_letter', lease_expires_at = NULL, finished_at = now() WHERE id = :id"),
            {"id": running},
        )
    later = await make_task(database, DEAD, owner_id=ann.id)
    await finish(database)
    action = await action_of(database, action_id)
    assert (action.state, action.total, action.done, action.skipped) == ("finished", 3, 3, 0)
    assert [(await task_of(database, id)).state for id in mine] == ["queued"] * 3
    assert [(await task_of(database, id)).state for id in (succeeded, running, later)] == [
        "succeeded",
        "dead_letter",
        "dead_letter",
    ]


async def test_a_task_that_fails_again_is_not_retried_a_second_time_by_the_same_action(
    database: Database, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    mine = [await make_task(database, DEAD, owner_id=ann.id) for _ in range(5)]
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    await beat(database)
    retried = [id for id in mine if (await task_of(database, id)).state == "queued"]
    assert len(retried) == 2
    await bury(database, retried)
    await finish(database)
    assert (await action_of(database, action_id)).done == 5
    for id in mine:
        assert (await verbs_of(database, id)).count("retry") == 1
    assert [(await task_of(database, id)).state for id in retried] == ["dead_letter"] * 2


async def test_what_does_not_match_any_more_when_its_turn_comes_is_skipped(database: Database, ann: Principal) -> None:
    kept, gone, resolved = [await make_task(database, DEAD, owner_id=ann.id) for _ in range(3)]
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    await start(database, ann, BulkVerb.RETRY, TaskFilter(ids=(gone,)))
    async with database.write("system") as session:
        await resolve(session, ann, resolved, "Done by hand.")
        await session.execute(
            text("UPDATE bulk_actions SET due_at = now() + interval '1 h' WHERE id = :id"), {"id": action_id}
        )
    await finish(database)
    async with database.write("system") as session:
        await session.execute(text("UPDATE bulk_actions SET due_at = now() WHERE id = :id"), {"id": action_id})
    await finish(database)
    action = await action_of(database, action_id)
    assert (action.state, action.done, action.skipped) == ("finished", 1, 2)
    assert (await verbs_of(database, gone)).count("retry") == 1
    assert (await task_of(database, resolved)).state == "dead_letter", "though it could be retried"
    assert (await task_of(database, kept)).state == "queued"


async def test_a_member_touches_only_his_own_and_sees_only_his_own_actions(
    database: Database, ann: Principal, root: Principal
) -> None:
    mine = await make_task(database, DEAD, owner_id=ann.id)
    theirs = await make_task(database, DEAD, owner_id=root.id)
    with pytest.raises(NothingMatches):
        await start(database, ann, BulkVerb.RETRY, TaskFilter(ids=(theirs,)))
    action_id = await start(database, ann, BulkVerb.RETRY, TaskFilter(ids=(mine, theirs)))
    await finish(database)
    assert (await task_of(database, mine)).state == "queued"
    assert (await task_of(database, theirs)).state == "dead_letter"
    other = await start(database, root, BulkVerb.RETRY, DEAD_LETTERS)
    async with database.write(ann.actor) as session:
        with pytest.raises(ActionNotFound):
            await service.stop(session, ann, other)
    async with database.write(root.actor) as session:
        with pytest.raises(ActionEnded):
            await service.stop(session, root, action_id)


async def test_the_log_names_the_person_and_the_action(database: Database, ann: Principal) -> None:
    task_id = await make_task(database, DEAD, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    await finish(database)
    async with database.read() as session:
        event = (
            await session.execute(select(TaskEvent).where(TaskEvent.task_id == task_id, TaskEvent.verb == "retry"))
        ).scalar_one()
    assert event.actor == "user:ann@example.org"
    assert str(action_id) in (event.reason or "")
    log = [(event.from_state, event.to_state, event.actor) for event in await log_of(database, action_id)]
    assert log == [(None, "running", "user:ann@example.org"), ("running", "finished", "system")]


async def test_a_stopped_action_touches_nothing_more_and_says_who_stopped_it(
    database: Database, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    for _ in range(5):
        await make_task(database, TaskState.QUEUED, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.CANCEL, TaskFilter(states=("queued",)))
    await beat(database)
    async with database.write(ann.actor) as session:
        await service.stop(session, ann, action_id)
    await finish(database)
    action = await action_of(database, action_id)
    assert (action.state, action.done, action.reason) == ("stopped", 2, "Stopped by ann@example.org.")
    async with database.read() as session:
        assert await counts_by_state(session) == {"queued": 3, "cancelled": 2}
    assert (await log_of(database, action_id))[-1].actor == "user:ann@example.org"


async def test_a_stop_waits_for_the_chunk_under_way_and_nothing_comes_after_it(
    database: Database, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    for _ in range(4):
        await make_task(database, DEAD, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)

    async def stop() -> None:
        async with database.write(ann.actor) as session:
            await service.stop(session, ann, action_id)

    async with database.write("system") as session:
        assert await service.advance(session)
        stopping = asyncio.create_task(stop())
        # It waits for the row the chunk has locked.
        async with asyncio.timeout(10):
            while not await _waits_for_a_lock(database):
                await asyncio.sleep(0.01)
        assert not stopping.done()
    await stopping
    await finish(database)
    action = await action_of(database, action_id)
    assert (action.state, action.done) == ("stopped", 2)


async def _waits_for_a_lock(database: Database) -> bool:
    async with database.read() as session:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(await session.scalar(waiting))


async def test_several_actions_take_turns(database: Database, ann: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHUNK", 2)
    for _ in range(20):
        await make_task(database, DEAD, owner_id=ann.id, queue="many")
    for _ in range(2):
        await make_task(database, DEAD, owner_id=ann.id, queue="few")
    many = await start(database, ann, BulkVerb.RETRY, TaskFilter(states=("dead_letter",), queue="many"))
    few = await start(database, ann, BulkVerb.RETRY, TaskFilter(states=("dead_letter",), queue="few"))
    for _ in range(3):
        await beat(database)
    assert (await action_of(database, few)).done == 2
    assert 0 < (await action_of(database, many)).done < 20


async def test_two_sweepers_at_once_do_nothing_twice(
    database: Database, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 3)
    mine = [await make_task(database, DEAD, owner_id=ann.id) for _ in range(20)]
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    barrier = asyncio.Barrier(2)

    async def sweep() -> None:
        await barrier.wait()
        while (await action_of(database, action_id)).state == "running":
            await beat(database)

    await asyncio.gather(sweep(), sweep())
    assert (await action_of(database, action_id)).done == 20
    for id in mine:
        assert (await verbs_of(database, id)).count("retry") == 1


async def test_more_than_was_confirmed_is_refused_and_nothing_is_left_of_it(database: Database, ann: Principal) -> None:
    for _ in range(3):
        await make_task(database, DEAD, owner_id=ann.id)
    with pytest.raises(Outgrown, match="3 tasks match, not 2"):
        await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS, expected=2)
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM bulk_actions")) == 0
        found = await service.preview(session, ann, BulkVerb.RETRY, DEAD_LETTERS)
    assert found.total == 3
    await make_task(database, DEAD, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS, expected=found.total, at=found.at)
    assert (await action_of(database, action_id)).total == 3


async def test_the_tasks_of_a_cancelled_run_stay_ended_and_those_of_a_paused_one_wait_paused(
    database: Database, ann: Principal
) -> None:
    ids: dict[str, UUID] = {}
    for state in ("cancelled", "paused", "active"):
        async with database.write(ann.actor) as session:
            run_id = await start_run(session, ann, state, [TaskRequest(kind="test.nothing", payload={})])
            ids[state] = (await session.execute(select(Task.id).where(Task.run_id == run_id))).scalar_one()
            await session.execute(text("UPDATE runs SET state = :state WHERE id = :id"), {"state": state, "id": run_id})
    await bury(database, list(ids.values()))
    action_id = await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS)
    await finish(database)
    action = await action_of(database, action_id)
    assert (action.done, action.skipped) == (2, 1)
    states = {state: (await task_of(database, id)).state for state, id in ids.items()}
    assert states == {"cancelled": "dead_letter", "paused": "paused", "active": "queued"}


@pytest.mark.parametrize(
    ("verb", "state", "becomes"),
    [
        (BulkVerb.RETRY, TaskState.DEAD_LETTER, "queued"),
        (BulkVerb.RETRY, TaskState.CANCELLED, "queued"),
        (BulkVerb.RESUME, TaskState.REJECTED, "queued"),
        (BulkVerb.RESUME, TaskState.EXPIRED, "queued"),
        (BulkVerb.CANCEL, TaskState.RUNNING, "cancelled"),
        (BulkVerb.CANCEL, TaskState.PENDING_APPROVAL, "cancelled"),
        (BulkVerb.RESOLVE, TaskState.DEAD_LETTER, "dead_letter"),
    ],
)
async def test_each_verb_does_what_it_says(
    database: Database, ann: Principal, verb: BulkVerb, state: TaskState, becomes: str
) -> None:
    task_id = await make_task(database, state, owner_id=ann.id)
    await start(database, ann, verb, TaskFilter(states=(state.value,)))
    await finish(database)
    task = await task_of(database, task_id)
    assert task.state == becomes
    if verb is BulkVerb.RESUME:
        assert task.priority == 100


@pytest.mark.parametrize(
    ("verb", "states", "more"),
    [
        (BulkVerb.RETRY, ("succeeded",), {}),
        (BulkVerb.CANCEL, ("dead_letter",), {}),
        (BulkVerb.PRIORITISE, ("queued",), {}),
        (BulkVerb.PRIORITISE, ("queued",), {"priority": 1001}),
        (BulkVerb.RETRY, (), {"priority": 5}),
        (BulkVerb.CANCEL, (), {"canary": True}),
        (BulkVerb.RESOLVE, (), {"note": "x" * 501}),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    database: Database, ann: Principal, verb: BulkVerb, states: tuple[str, ...], more: dict[str, object]
) -> None:
    for state in ("succeeded", "dead_letter", "queued"):
        await make_task(database, TaskState(state), owner_id=ann.id)
    with pytest.raises(Invalid):
        await start(database, ann, verb, TaskFilter(states=states), **more)


async def test_an_action_the_database_refuses_is_stopped_and_the_next_one_has_its_turn(
    database: Database, ann: Principal
) -> None:
    first = await make_task(database, DEAD, owner_id=ann.id, queue="bad")
    second = await make_task(database, DEAD, owner_id=ann.id, queue="good")
    bad = await start(database, ann, BulkVerb.RETRY, TaskFilter(queue="bad"))
    good = await start(database, ann, BulkVerb.RETRY, TaskFilter(queue="good"))
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE bulk_actions SET filter = filter || CAST(:more AS jsonb) WHERE id = :id"),
            {"id": bad, "more": json.dumps({"payload": json.dumps({"a": "\0"})})},
        )
    await finish(database)
    assert (await action_of(database, bad)).state == "stopped"
    assert (await action_of(database, good)).state == "finished"
    assert (await task_of(database, first)).state == "dead_letter"
    assert (await task_of(database, second)).state == "queued"
