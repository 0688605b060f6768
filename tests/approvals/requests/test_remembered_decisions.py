"""A refusal is remembered: a task that runs again, for whatever reason, finds it and asks nobody a second time."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

import tests.runtime.kinds  # noqa: F401
from holdgate.approvals.models import Approval
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks.queue.claims import Outcome, claim_tasks, finish_tasks
from holdgate.tasks.states import TaskState
from holdgate.testing import KindTester


async def questions(database: Database, task_id: UUID) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).where(Approval.task_id == task_id)) or 0


async def test_a_task_that_goes_on_after_a_refusal_finds_it_at_every_later_try(
    database: Database, settings: Settings
) -> None:
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("test.goes-on", {"name": "x"}, owner_id=await tester.person())
        assert await tester.run(task_id) == "pending_approval"
        await tester.decide(task_id, approve=False, reason="No.")
        for _ in range(2):  # workers that are stopped in the middle of it give it back
            async with database.write("worker:stopped") as session:
                [task] = await claim_tasks(
                    session,
                    queue="default",
                    kinds=["test.goes-on"],
                    worker=uuid7(),
                    limit=1,
                    lease=timedelta(minutes=1),
                )
                await finish_tasks(session, [Outcome(task.id, task.attempt, TaskState.QUEUED)])
        assert await tester.run(task_id) == "succeeded"
        assert await tester.result(task_id) == "rejected No."
        assert await questions(database, task_id) == 1


async def test_only_a_person_who_resumes_a_rejected_task_has_the_question_put_again(
    database: Database, settings: Settings
) -> None:
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("test.asks", {"name": "memory"}, owner_id=await tester.person())
        assert await tester.run(task_id) == "pending_approval"
        await tester.decide(task_id, approve=False)
        assert await tester.run(task_id) == "rejected"
        assert await questions(database, task_id) == 1
        await tester.act(task_id, "resume")
        assert await tester.run(task_id) == "pending_approval"
        assert await questions(database, task_id) == 2


async def test_a_question_that_nobody_is_asked_is_refused_at_once(database: Database, settings: Settings) -> None:
    """Without an owner and recipients it would be pending for ever."""
    async with KindTester(database, settings) as tester:
        for kind in ("test.goes-on", "test.needs-input"):
            task_id = await tester.enqueue(kind, {"name": "nobody"})
            assert await tester.run(task_id) is TaskState.DEAD_LETTER
            assert "asks nobody: it names no recipients, and the task has no owner" in (
                (await tester.task(task_id)).reason or ""
            )
