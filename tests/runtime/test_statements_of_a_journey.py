"""How often a task that holds on a person goes to the database and back: from its enqueueing to its end."""

from datetime import timedelta
from secrets import token_hex

import pytest
from sqlalchemy import select, text

import tests.runtime.kinds  # noqa: F401
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.requests import deciding
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.postgres.direct import Direct
from holdgate.core.tokens import digest
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import Held
from holdgate.tasks.queue.claims import Outcome, claim_tasks, finish_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState
from tests.factories.approvals import OWNER, delivered, principal
from tests.statements import round_trips

LEASE = timedelta(seconds=15)


async def attempt(database: Database, settings: Settings, direct: Direct) -> Context:
    [task] = await claim_tasks(direct, queue="default", kinds=["test.asks"], worker=uuid7(), limit=1, lease=LEASE)
    return Context(task, database=database, settings=settings, actor="worker:test")


async def one() -> int:
    return 1


async def test_a_task_that_holds_on_an_approval_takes_few_round_trips(database: Database, settings: Settings) -> None:
    owner = await principal(database)
    direct = database.direct("worker:test")
    await claim_tasks(direct, queue="default", kinds=["test.asks"], worker=uuid7(), limit=1, lease=LEASE)  # connects

    with round_trips(database) as sent:
        async with database.write(owner.actor) as session:
            await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}, owner_id=owner.id))
    assert len(sent) == 3, "\n".join(sent)

    with round_trips(database) as sent:
        ctx = await attempt(database, settings, direct)
        await ctx.step("first", one)
    assert len(sent) == 2, "\n".join(sent)

    with round_trips(database) as sent, pytest.raises(Held):
        await ctx.approval("go", title="May it go on?", show={"a": 1}, take_back=timedelta())
    # The owner, and whether they are away or disabled; the hold, the request, who is told of it and their email.
    assert len(sent) == 2, "\n".join(sent)

    async with database.read() as session:
        version = (await session.execute(select(Approval.version))).scalar_one()
        recipient = (await session.execute(select(Recipient.id))).scalar_one()
    token = await delivered(database, settings, recipient)
    with round_trips(database) as sent:
        async with database.write(f"recipient:{OWNER}") as session:
            decision = Decision(version=version, verb=ApprovalVerb.APPROVE)
            await deciding.decide_by_link(session, digest(token), decision, source="192.0.2.1")
    # The link, the request with its task, who is asked and disabled; the vote, the decision and the move.
    assert len(sent) == 6, "\n".join(sent)

    with round_trips(database) as sent:
        ctx = await attempt(database, settings, direct)
        assert await ctx.step("first", one) == 1
        assert (await ctx.approval("go", title="May it go on?", show={"a": 1}, take_back=timedelta())).approved
        await finish_tasks(direct, [Outcome(ctx.task_id, ctx.attempt, TaskState.SUCCEEDED)])
    # The claim brings the steps; the answer; the end.
    assert len(sent) == 3, "\n".join(sent)


@pytest.mark.parametrize(("number", "brought"), [(1, True), (3000, False)])
async def test_a_claim_brings_what_was_finished_unless_it_is_much(
    database: Database, settings: Settings, number: int, brought: bool
) -> None:
    async def ids() -> list[str]:
        return [token_hex(30) for _ in range(number)]  # which nothing compresses

    async with database.write("system") as session:
        await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}))
    direct = database.direct("worker:test")
    ctx = await attempt(database, settings, direct)
    assert ctx.task.steps is None, "a first attempt has none"
    kept = await ctx.step("ids", ids)
    async with database.write("worker:test") as session:
        await finish_tasks(session, [Outcome(ctx.task_id, ctx.attempt, TaskState.QUEUED)])
    ctx = await attempt(database, settings, direct)
    assert (ctx.task.steps is not None) == brought
    assert await ctx.step("ids", ids) == kept


async def test_a_claim_brings_nothing_that_others_may_have_changed_since_it_began(
    database: Database, settings: Settings
) -> None:
    async with database.write("system") as session:
        await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}))
    ctx = await attempt(database, settings, database.direct("worker:test"))
    await ctx.step("one", one)
    brought = text("SELECT holdgate_steps(:id, :attempt, :round)")
    async with database.read() as session:
        for claimed, round_, found in ((2, 0, '{ "one" : 1 }'), (3, 0, None), (2, 1, None)):
            values = {"id": ctx.task_id, "attempt": claimed, "round": round_}
            assert (await session.execute(brought, values)).scalar_one() == found
