"""How many statements a task that holds on a person costs the database, beside its claims and its end.

What stands around them (BEGIN, COMMIT, who it is) is the connection's.
"""

from datetime import timedelta

import pytest
from sqlalchemy import select

import tests.runtime.kinds  # noqa: F401
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.requests import deciding
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.tokens import digest
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import Held
from holdgate.tasks.queue.claims import claim_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.approvals import OWNER, delivered, principal
from tests.statements import statements


async def attempt(database: Database, settings: Settings) -> Context:
    async with database.write("worker:test") as session:
        [task] = await claim_tasks(
            session, queue="default", kinds=["test.asks"], worker=uuid7(), limit=1, lease=timedelta(seconds=15)
        )
    return Context(task, database=database, settings=settings, actor="worker:test")


async def one() -> int:
    return 1


async def test_a_task_that_holds_on_an_approval_costs_few_statements(database: Database, settings: Settings) -> None:
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}, owner_id=owner.id))
    ctx = await attempt(database, settings)

    with statements(database) as sent:
        await ctx.step("first", one)
    assert len(sent) == 1, sent

    with statements(database) as sent, pytest.raises(Held):
        await ctx.approval("go", title="May it go on?", show={"a": 1}, take_back=timedelta())
    # What was asked last, the hold, its owner, who is disabled, the request, its email; and who it is.
    assert len(sent) <= 7, "\n".join(sent)

    async with database.read() as session:
        version = (await session.execute(select(Approval.version))).scalar_one()
        recipient = (await session.execute(select(Recipient.id))).scalar_one()
    token = await delivered(database, settings, recipient)
    with statements(database) as sent:
        async with database.write(f"recipient:{OWNER}") as session:
            decision = Decision(version=version, verb=ApprovalVerb.APPROVE)
            await deciding.decide_by_link(session, digest(token), decision, source="192.0.2.1")
    # The link, who is disabled (twice, the second time locked), the task, the request, who is asked, votes, the vote,
    # the decision, the move; and who it is.
    assert len(sent) <= 11, "\n".join(sent)

    ctx = await attempt(database, settings)
    with statements(database) as sent:
        assert await ctx.step("first", one) == 1
        assert (await ctx.approval("go", title="May it go on?", show={"a": 1}, take_back=timedelta())).approved
    assert len(sent) == 2, "\n".join(sent)
