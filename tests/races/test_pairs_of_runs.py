"""Every two verbs of a run that can meet, and every verb of a run with every verb of one of its tasks, from the tables
of their transitions, each on a connection of its own: nobody waits for ever, and in the end the tasks are where the
state of their run wants them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise, product
from uuid import UUID

import pytest
from sqlalchemy import select

from holdgate.core.db import Database, WriteSession
from holdgate.core.principal import Principal
from holdgate.runs import service
from holdgate.runs.errors import RunRefuses
from holdgate.runs.models import Run, RunEvent
from holdgate.runs.states import FOLLOW, RUN_MACHINE, RunState, RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.states import TASK_MACHINE, UNFINISHED, TaskState, TaskVerb
from tests.factories.approvals import principal
from tests.factories.races import impatient, until_it_waits
from tests.factories.tasks import apply, make_tasks, request

AT_A_TIME = 8  # pairs; each has a run of its own
PAST = {RunVerb.PAUSE: "paused", RunVerb.RESUME: "resumed", RunVerb.CANCEL: "cancelled"}
BEGINS = {RunVerb.PAUSE: RunState.ACTIVE, RunVerb.RESUME: RunState.PAUSED, RunVerb.CANCEL: RunState.ACTIVE}

# What one of two does in its transaction. False: it was refused, or had no effect.
Act = Callable[[WriteSession], Awaitable[bool]]


@dataclass
class Ground:
    """A run with a task."""

    database: Database
    by: Principal
    run_id: UUID
    task_id: UUID

    def press(self, verb: RunVerb) -> Act:
        async def act(session: WriteSession) -> bool:
            try:
                await service.act(session, self.by, self.run_id, verb)
            except RunRefuses:
                return False
            return True

        return act

    def move(self, verb: TaskVerb) -> Act:
        async def act(session: WriteSession) -> bool:
            return bool(await apply(session, verb, self.task_id))

        return act

    async def went(self) -> list[RunVerb]:
        """What was done to the run, by its log."""
        log = select(RunEvent.verb).where(RunEvent.run_id == self.run_id).order_by(RunEvent.id)
        async with self.database.read() as session:
            told = list((await session.execute(log)).scalars())
        return [verb for word in told for verb, past in PAST.items() if past == word]

    async def in_agreement(self, state: RunState, met: str) -> None:
        """The run is in `state` and has brought its task along; what was done to that is a way of the table."""
        async with self.database.write("system") as session:
            assert not await service.settle(session)
        async with self.database.read() as session:
            assert (await session.get_one(Run, self.run_id)).state == state, met
            task = await session.get_one(Task, self.task_id)
            log = select(TaskEvent.verb, TaskEvent.from_state, TaskEvent.to_state).order_by(TaskEvent.id)
            went = (await session.execute(log.where(TaskEvent.task_id == self.task_id))).all()
        assert TaskState(task.state) not in TASK_MACHINE.moves[FOLLOW[state]].sources, f"{met}: {task.state} is left"
        assert went[-1].to_state == task.state, met
        for (_, _, before), (verb, source, target) in pairwise(went):
            assert source == before, met
            assert TaskState(str(target)) in TASK_MACHINE.moves[TaskVerb(verb)].targets, f"{met}: {source} {verb}"


async def a_ground(database: Database, by: Principal, state: RunState, task: TaskState, queue: str) -> Ground:
    async with database.write(by.actor) as session:
        run_id = await service.start_run(session, by, "A run", [request(queue="beside")])
    [task_id] = await make_tasks(database, task, [request(queue=queue, run_id=run_id)])
    if state is RunState.PAUSED:
        async with database.write(by.actor) as session:
            await service.act(session, by, run_id, RunVerb.PAUSE)
    return Ground(database, by, run_id, task_id)


async def behind(database: Database, first: Act, second: Act) -> tuple[bool, bool]:
    """Whether each had an effect; the second one comes before the first has committed."""
    connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def come() -> bool:
        async with database.write("user:second@example.org") as session:
            connected.set_result(await impatient(session))
            return await second(session)

    async with database.write("user:first@example.org") as session:
        await impatient(session)
        had = await first(session)
        coming = asyncio.create_task(come())
        await until_it_waits(database, await connected, coming)
    return had, await coming


async def at_once(database: Database, *acts: Act) -> list[bool]:
    start = asyncio.Barrier(len(acts))

    async def come(act: Act) -> bool:
        async with database.write("user:one@example.org") as session:
            await impatient(session)
            await start.wait()
            return await act(session)

    async with asyncio.TaskGroup() as all_of_them:
        jobs = [all_of_them.create_task(come(act)) for act in acts]
    return [job.result() for job in jobs]


async def each(jobs: list[Callable[[], Awaitable[None]]]) -> None:
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await job()

    async with asyncio.TaskGroup() as all_of_them:
        for job in jobs:
            all_of_them.create_task(one(job))


async def test_of_two_verbs_of_a_run_the_second_sees_what_the_first_has_made(database: Database) -> None:
    by = await principal(database)

    async def meet(state: RunState, first: RunVerb, second: RunVerb) -> None:
        met = f"{second} while {first} of a run that is {state} is under way"
        ground = await a_ground(database, by, state, TaskState.QUEUED, "default")
        between = RUN_MACHINE.moves[first].targets[0]
        allowed = RUN_MACHINE.allows(second, between)
        assert await behind(database, ground.press(first), ground.press(second)) == (True, allowed), met
        await ground.in_agreement(RUN_MACHINE.moves[second].targets[0] if allowed else between, met)
        verbs = [first, second][: 1 + allowed]
        assert (await ground.went())[-len(verbs) :] == verbs, f"{met}: an event for each"

    pairs = [(state, *pair) for state in RunState for pair in product(RUN_MACHINE.verbs(state), repeat=2)]
    assert len(pairs) == 8
    await each([lambda pair=pair: meet(*pair) for pair in pairs])  # type: ignore[misc]


async def test_of_two_verbs_of_a_run_at_once_it_goes_a_way_that_the_table_names(database: Database) -> None:
    by = await principal(database)

    async def meet(state: RunState, one: RunVerb, other: RunVerb) -> None:
        met = f"{one} and {other} of a run that is {state}"
        ground = await a_ground(database, by, state, TaskState.QUEUED, "default")
        had = await at_once(database, ground.press(one), ground.press(other))
        assert sum(had) > 0, met
        at = state
        for verb in (await ground.went())[-sum(had) :]:
            assert RUN_MACHINE.allows(verb, at), f"{met}: {verb} while it is {at}"
            at = RUN_MACHINE.moves[verb].targets[0]
        await ground.in_agreement(at, met)

    pairs = [(state, *pair) for state in RunState for pair in product(RUN_MACHINE.verbs(state), repeat=2)]
    await each([lambda pair=pair: meet(*pair) for pair in pairs])  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("of_run", RunVerb)
async def test_a_run_and_one_of_its_tasks_changed_at_the_same_time_agree_in_the_end(
    database: Database, of_run: RunVerb
) -> None:
    """The run first, the task first, and both at once. Neither locks the other out."""
    by = await principal(database)
    state, to = BEGINS[of_run], RUN_MACHINE.moves[of_run].targets[0]

    async def meet(number: int, task: TaskState, verb: TaskVerb, order: str) -> None:
        met = f"{of_run} of the run and {verb} of its task that is {task}, {order}"
        ground = await a_ground(database, by, state, task, f"queue-{number}")
        acts = ground.press(of_run), ground.move(verb)
        if order == "at once":
            pressed, _ = await at_once(database, *acts)
        elif order == "run first":
            pressed, _ = await behind(database, *acts)
        else:
            moved, pressed = await behind(database, *reversed(acts))
            assert moved, met
        assert pressed, met
        await ground.in_agreement(to, met)

    left = set(TASK_MACHINE.moves[FOLLOW[state]].sources)
    pairs = [(task, verb) for task in UNFINISHED if task not in left for verb in TASK_MACHINE.verbs(task)]
    orders = ("run first", "task first", "at once")
    cases = [(number, *pair, order) for number, (pair, order) in enumerate(product(pairs, orders))]
    assert len(cases) > 50
    await each([lambda case=case: meet(*case) for case in cases])  # type: ignore[misc]
