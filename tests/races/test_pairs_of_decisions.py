"""Every two ways in which a request can end, from the table of its states, each on a connection of its own: whichever
comes first counts, and the other one is told so and changes nothing."""

import asyncio
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import select

from holdgate.approvals.choices import Choices
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, expiring
from holdgate.approvals.states import APPROVAL_MACHINE, ApprovalState, ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import AppError
from holdgate.core.principal import Principal
from holdgate.tasks import service
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb
from tests.factories.approvals import ANN, BOB, CID, Asked, approval_of, principal, put_question
from tests.factories.races import impatient, until_it_waits

_V = ApprovalVerb
WHO = {_V.APPROVE: 0, _V.REJECT: 1, _V.REQUEST_CHANGES: 2}


def can_meet(*pair: ApprovalVerb) -> bool:
    """What is asked for input is answered, and by nobody approved; here it has no deadline."""
    return _V.ANSWER not in pair or set(pair) <= {_V.ANSWER, _V.CANCEL}


BEHIND = [pair for pair in product(APPROVAL_MACHINE.verbs(ApprovalState.PENDING), repeat=2) if can_meet(*pair)]
AT_ONCE = sorted({tuple(sorted(pair)) for pair in BEHIND})


@pytest.mark.parametrize(("first", "second"), BEHIND)
async def test_an_end_that_comes_while_another_one_is_under_way_changes_nothing(
    database: Database, settings: Settings, first: ApprovalVerb, second: ApprovalVerb
) -> None:
    asked, owner = await put(database, settings, first, second)
    connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with database.write("user:first@example.org") as session:
        assert await end(session, first, asked, owner)
        coming = asyncio.create_task(end_alone(database, second, asked, owner, connected))
        await until_it_waits(database, await connected, coming)
    had_effect = await coming
    assert (await approval_of(database, asked)).state == APPROVAL_MACHINE.moves[first].targets[0]
    went = await ways_of(database, asked.task_id)
    # A task that goes on with its decision can still be cancelled.
    cancelled = second is _V.CANCEL and TASK_MACHINE.allows(TaskVerb.CANCEL, went[0][1])
    assert [verb for verb, _ in went] == ([first, second] if cancelled else [first])
    assert had_effect is cancelled


@pytest.mark.parametrize(("one", "other"), AT_ONCE)
async def test_of_two_ends_at_once_one_counts(
    database: Database, settings: Settings, one: ApprovalVerb, other: ApprovalVerb
) -> None:
    asked, owner = await put(database, settings, one, other)
    async with asyncio.TaskGroup() as both:
        jobs = [both.create_task(end_alone(database, verb, asked, owner)) for verb in (one, other)]
    had_effect = [job.result() for job in jobs]
    went = await ways_of(database, asked.task_id)
    assert len(went) == sum(had_effect) > 0
    decided, then = went[0][0], [verb for verb, _ in went[1:]]
    assert decided in (one, other)
    assert then in ([], [_V.CANCEL])
    assert (await approval_of(database, asked)).state == APPROVAL_MACHINE.moves[ApprovalVerb(decided)].targets[0]


async def put(database: Database, settings: Settings, *verbs: ApprovalVerb) -> tuple[Asked, Principal]:
    owner = await principal(database)
    if _V.ANSWER in verbs:
        return await put_question(database, settings, hold=HoldType.INPUT), owner
    people, choices = (ANN, BOB, CID), Choices(changes=True)
    return await put_question(database, settings, recipients=people, choices=choices), owner


async def end(session: WriteSession, verb: ApprovalVerb, asked: Asked, owner: Principal) -> bool:
    """Whether it had an effect."""
    decision = Decision(version=asked.version, verb=verb, reason="So.", form={"wish": "granted"})
    if verb is _V.EXPIRE:
        deadline = await session.scalar(select(Approval.expires_at).where(Approval.id == asked.approval_id))
        return await expiring.expire_due(session, now=deadline) == 1
    if verb is _V.CANCEL:
        await service.act(session, owner, asked.task_id, TaskVerb.CANCEL)
    elif verb is _V.ANSWER:
        await deciding.decide_signed_in(session, owner, asked.approval_id, decision, source="here")
    else:
        await deciding.decide_by_link(session, asked.hashes()[WHO[verb]], decision, source="here")
    return True


async def end_alone(
    database: Database, verb: ApprovalVerb, asked: Asked, owner: Principal, connected: asyncio.Future[int] | None = None
) -> bool:
    """In a transaction of its own. A refusal is no effect."""
    try:
        async with database.write("user:second@example.org") as session:
            pid = await impatient(session)
            if connected is not None:
                connected.set_result(pid)
            return await end(session, verb, asked, owner)
    except AppError:
        return False


async def ways_of(database: Database, task_id: UUID) -> list[tuple[str, TaskState]]:
    """What was done to the task since it holds, and where that has led."""
    log = select(TaskEvent.verb, TaskEvent.to_state).where(TaskEvent.task_id == task_id).order_by(TaskEvent.id)
    async with database.read() as session:
        return [(verb, TaskState(str(to))) for verb, to in await session.execute(log)][3:]
