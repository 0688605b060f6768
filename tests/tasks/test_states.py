"""Every verb × every state, in Python and in the database, from the one table."""

from itertools import product

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.log import TaskEvent, TaskTransition
from holdgate.tasks.states import FINISHED, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb
from tests.factories.tasks import apply, make_task

PAIRS = [(verb, state) for verb, state in product(TaskVerb, TaskState)]


@pytest.mark.parametrize(("verb", "state"), PAIRS, ids=[f"{v}-from-{s}" for v, s in PAIRS])
async def test_a_verb_moves_a_task_only_from_the_states_it_leads_from(
    database: Database, verb: TaskVerb, state: TaskState
) -> None:
    task_id = await make_task(database, state)
    async with database.write("user:somebody@example.org") as session:
        moved = await apply(session, verb, task_id)
    async with database.read() as session:
        task = await session.get_one(Task, task_id)
        event = (await session.execute(select(TaskEvent).order_by(TaskEvent.id.desc()).limit(1))).scalar_one()
    if TASK_MACHINE.allows(verb, state):
        assert moved == [task_id]
        assert task.state in TASK_MACHINE.moves[verb].targets
        assert (event.verb, event.from_state, event.to_state) == (verb, state, task.state)
        assert event.actor == "user:somebody@example.org"
    else:
        assert moved == []
        assert task.state == state
        assert event.to_state == state


EDGES = {(source, target) for source, target, _ in TASK_MACHINE.edges()}
ILLEGAL = [(a, b) for a, b in product(TaskState, TaskState) if a != b and (a, b) not in EDGES]


@pytest.mark.parametrize(("source", "target"), ILLEGAL, ids=[f"{a}-to-{b}" for a, b in ILLEGAL])
async def test_the_database_refuses_what_the_table_does_not_name(
    database: Database, source: TaskState, target: TaskState
) -> None:
    task_id = await make_task(database, source)
    with pytest.raises(IntegrityError, match="illegal move"):
        await set_state_by_hand(database, task_id, target)
    async with database.read() as session:
        assert (await session.get_one(Task, task_id)).state == source


async def set_state_by_hand(database: Database, task_id: object, target: TaskState) -> None:
    """As somebody with psql would, minding only the CHECK constraints."""
    async with database.engine.begin() as connection:
        await connection.execute(
            text(
                """
                UPDATE tasks SET state = :state,
                  lease_expires_at = CASE WHEN :state = 'running' THEN now() END,
                  finished_at = CASE WHEN :finished THEN now() END,
                  run_at = CASE WHEN :state IN ('scheduled', 'retrying') THEN now() END
                WHERE id = :id
                """
            ),
            {"state": target.value, "finished": target in FINISHED, "id": task_id},
        )


async def test_a_change_by_hand_is_logged_with_the_database_role(database: Database) -> None:
    task_id = await make_task(database, TaskState.DEAD_LETTER)
    await set_state_by_hand(database, task_id, TaskState.QUEUED)
    async with database.read() as session:
        event = (await session.execute(select(TaskEvent).order_by(TaskEvent.id.desc()).limit(1))).scalar_one()
    assert (event.verb, event.from_state, event.to_state) == ("retry", "dead_letter", "queued")
    assert event.actor.startswith("role:")


async def test_the_table_in_the_database_equals_the_declaration(database: Database) -> None:
    async with database.read() as session:
        rows = (await session.execute(select(TaskTransition))).scalars().all()
    assert {(r.from_state, r.to_state, r.verb) for r in rows} == set(TASK_MACHINE.edges())
    usual = [(r.from_state, r.to_state) for r in rows if r.usual]
    assert len(usual) == len(set(usual)) == len(EDGES)


async def test_a_refusal_that_lets_the_task_go_on_is_logged_as_a_refusal(database: Database) -> None:
    task_id = await make_task(database, TaskState.PENDING_APPROVAL)
    async with database.write("recipient:ann@example.org") as session:
        await moves.move_tasks(session, TaskVerb.REJECT, Task.id == task_id, to=TaskState.QUEUED)
        # The same transaction goes on: the unusual verb must not stick to the next move.
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == task_id)
    async with database.read() as session:
        events = (await session.execute(select(TaskEvent).order_by(TaskEvent.id.desc()).limit(2))).scalars().all()
    assert [(e.verb, e.to_state) for e in events] == [("cancel", "cancelled"), ("reject", "queued")]


def test_every_state_is_either_finished_or_not() -> None:
    assert set(FINISHED) | set(UNFINISHED) == set(TaskState)
    assert not set(FINISHED) & set(UNFINISHED)


async def test_the_log_cannot_be_changed(database: Database) -> None:
    await make_task(database, TaskState.QUEUED)
    with pytest.raises(IntegrityError, match="cannot be changed"):
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE task_log SET actor = 0"))
