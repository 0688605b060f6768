"""Every two verbs that can meet at a task, from the table of transitions, each on a connection of its own.

One of the two has changed the task and not yet committed when the other one comes, in both orders; then both begin at
the same moment, at several tasks and from both ends. What comes of it is what the table names: one after the other, or
the first alone.
"""

import asyncio
from itertools import combinations_with_replacement, product
from uuid import UUID

import pytest
from sqlalchemy import select

from holdgate.core.db import Database
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb
from tests.factories.races import impatient, until_it_waits
from tests.factories.tasks import WORKERS_VERBS, apply, make_tasks, path_to, request

MEET = [state for state in TaskState if TASK_MACHINE.verbs(state)]
TOGETHER = 5  # tasks at which two verbs meet by chance


@pytest.mark.parametrize("state", MEET)
async def test_of_two_verbs_the_second_sees_what_the_first_has_made(database: Database, state: TaskState) -> None:
    pairs = list(product(TASK_MACHINE.verbs(state), repeat=2))
    tasks = await make_tasks(database, state, [request(queue=f"{first}-{second}") for first, second in pairs])
    moved = [await one_behind_the_other(database, task_id, *pair) for task_id, pair in zip(tasks, pairs, strict=True)]
    changes = await changes_of(database, tasks, state)
    for task_id, (first, second), ids in zip(tasks, pairs, moved, strict=True):
        _, between = changes[task_id][0]
        verbs = [first, second] if may_follow(second, state, between) else [first]
        met = f"{second} while {first} is under way"
        assert [verb for verb, _ in changes[task_id]] == verbs, met
        assert ids == ([task_id], [task_id] if len(verbs) == 2 else []), met


@pytest.mark.parametrize("state", MEET)
async def test_of_two_verbs_at_once_each_task_goes_a_way_that_the_table_names(
    database: Database, state: TaskState
) -> None:
    pairs = list(combinations_with_replacement(TASK_MACHINE.verbs(state), 2))
    wanted = [request(queue=f"{one}-{other}") for one, other in pairs for _ in range(TOGETHER)]
    tasks = await make_tasks(database, state, wanted)
    for number, pair in enumerate(pairs):
        these = tasks[number * TOGETHER : (number + 1) * TOGETHER]
        start = asyncio.Barrier(2)
        async with asyncio.TaskGroup() as both:
            ways = zip(pair, (these, these[::-1]), strict=True)
            jobs = [both.create_task(at_once(database, start, verb, ids)) for verb, ids in ways]
        moved = [job.result() for job in jobs]
        met = " and ".join(pair)
        changes = await changes_of(database, these, state)
        for task_id in these:
            assert len(changes[task_id]) == sum(task_id in each for each in moved) > 0, f"{met}: an event for each"
            at = state
            for verb, to in changes[task_id]:
                assert TASK_MACHINE.allows(verb, at) and to in TASK_MACHINE.moves[verb].targets, f"{met}: {at} {verb}"
                at = to


def may_follow(verb: TaskVerb, began_in: TaskState, now_in: TaskState) -> bool:
    """Whether the one that came second has an effect. A claim passes over what another one has locked; what a worker
    says counts while its attempt runs."""
    of_worker = began_in is TaskState.RUNNING and verb in (*WORKERS_VERBS, TaskVerb.SNOOZE)
    return verb is not TaskVerb.CLAIM and not of_worker and TASK_MACHINE.allows(verb, now_in)


async def one_behind_the_other(
    database: Database, task_id: UUID, first: TaskVerb, second: TaskVerb
) -> tuple[list[UUID], list[UUID]]:
    """The tasks each of them has moved; the second one comes before the first has committed."""
    connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def behind() -> list[UUID]:
        async with database.write("user:second@example.org") as session:
            connected.set_result(await impatient(session))
            return await apply(session, second, task_id)

    async with database.write("user:first@example.org") as session:
        moved = await apply(session, first, task_id)
        coming = asyncio.create_task(behind())
        await until_it_waits(database, await connected, coming)
    return moved, await coming


async def at_once(database: Database, start: asyncio.Barrier, verb: TaskVerb, tasks: list[UUID]) -> list[UUID]:
    async with database.write("user:one@example.org") as session:
        await impatient(session)
        await start.wait()
        return await apply(session, verb, *tasks)


async def changes_of(
    database: Database, tasks: list[UUID], state: TaskState
) -> dict[UUID, list[tuple[TaskVerb, TaskState]]]:
    """By the log, since each of them came into `state`: what was done to it, and where that has led."""
    log = select(TaskEvent.task_id, TaskEvent.verb, TaskEvent.to_state).where(TaskEvent.task_id.in_(tasks))
    found: dict[UUID, list[tuple[TaskVerb, TaskState]]] = {task_id: [] for task_id in tasks}
    async with database.read() as session:
        for task_id, verb, to in await session.execute(log.order_by(TaskEvent.id)):
            if verb != "enqueue":
                found[task_id].append((TaskVerb(verb), TaskState(str(to))))
    return {task_id: changes[len(path_to(state)) :] for task_id, changes in found.items()}
