"""For people who write kinds: run a task to its end in the test's own process, answer its questions, look at its steps.

Everything is the real thing but the worker's loop: the claim, the handler, the writing of its outcome, the decisions.
No mail is sent; the mails that would be are tasks of kind `email.send` in the queue `mail`.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text

from holdgate.accounts import service as accounts
from holdgate.approvals import values
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import clock, deciding, expiring
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.kinds import load_kinds
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.endings import failed
from holdgate.runtime.attempts.execution import execute
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.finisher import Finisher
from holdgate.runtime.resources import Resources
from holdgate.tasks import service as tasks
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue import claims, moves
from holdgate.tasks.queue.claims import Claimed
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState, TaskVerb
from holdgate.testing.asked import AskedQuestion

ACTOR = "worker:tester"
LEASE = timedelta(hours=1)  # nobody renews it

# The stored time to wake up of a task that sleeps is now.
_SLEPT = text(
    """
    UPDATE task_steps s SET result = to_json(now()) FROM tasks t
    WHERE t.id = :id AND t.state = 'scheduled' AND s.task_id = t.id AND t.reason = 'Sleeps: ' || s.name
    """
)

# An approval that can still be undone can no more.
_UNDOABLE = text(
    """
    UPDATE approvals SET take_back = now() - decided_at
    WHERE task_id = :id AND state = 'approved' AND decided_at + take_back > now()
    """
)


class KindTester:
    """Use it as a context manager, with a migrated database:

    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("sample.task", {"hold": "approval"}, owner_id=await tester.person())
        assert await tester.run(task_id) == "pending_approval"
        await tester.decide(task_id, approve=True)
        assert await tester.run(task_id) == "succeeded"
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        load_kinds(settings.kinds)
        self._database = database
        self._settings = settings
        self._judge = Principal(uuid7(), "tester@example.org", "Tester", "admin")
        self._executors = Executors()
        self._finisher = Finisher(database, ACTOR, lambda ids: None)

    async def __aenter__(self) -> "KindTester":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and processes that handlers have used."""
        self._executors.close()

    async def person(self, email: str = "owner@example.org", name: str = "") -> UUID:
        """The id of a person, made if there is none with that address: an owner for tasks."""
        async with self._database.write("system") as session:
            return (await accounts.add_user(session, email, name=name)).id

    async def enqueue(self, kind: str, payload: Any, *, owner_id: UUID | None = None, **more: Any) -> UUID:
        """A new task; `more` are further fields of TaskRequest."""
        async with self._database.write("system") as session:
            return await tasks.enqueue(session, TaskRequest(kind=kind, payload=payload, owner_id=owner_id, **more))

    async def run(self, task_id: UUID) -> TaskState:
        """One try, if the task is ready; ready ones of its kind and queue that come first are tried before it."""
        while (task := await self.task(task_id)).state == TaskState.QUEUED:
            async with self._database.write(ACTOR) as session:
                claimed = await claims.claim_tasks(
                    session, queue=task.queue, kinds=[task.kind], worker=self._judge.id, limit=1, lease=LEASE
                )
            for one in claimed:
                await self._try(one)
            if not claimed or claimed[0].id == task_id:
                break
        return TaskState((await self.task(task_id)).state)

    async def _try(self, claimed: Claimed) -> None:
        try:
            async with Resources() as resources:
                context = Context(
                    claimed,
                    database=self._database,
                    settings=self._settings,
                    actor=ACTOR,
                    executors=self._executors,
                    resources=resources,
                )
                outcome = await execute(claimed, context)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the test's, not the handler's
            outcome = failed(claimed, error)
        if outcome is not None:
            await self._finisher.write([outcome])

    async def drain(self) -> list[UUID]:
        """Try every task that is ready, and those that these enqueue, each once. Their ids in that order.

        What Holdgate enqueues for itself (its emails) stays in its queue.
        """
        tried: list[UUID] = []
        names = [kind.name for kind in all_kinds() if not kind.internal]
        while True:
            async with self._database.read() as session:
                ready = await session.execute(
                    select(Task.id)
                    .where(Task.state == TaskState.QUEUED, Task.kind.in_(names), Task.id.not_in(tried))
                    .order_by(Task.priority.desc(), Task.position)
                )
            if not (found := list(ready.scalars())):
                return tried
            for task_id in found:
                await self.run(task_id)
                tried.append(task_id)

    async def finish(self, task_id: UUID) -> TaskState:
        """Try it, without waiting between tries or while it sleeps, until it has ended or waits for a person."""
        while await self.run(task_id) in (TaskState.RETRYING, TaskState.SCHEDULED):
            await self.promote(task_id)
        return TaskState((await self.task(task_id)).state)

    async def promote(self, task_id: UUID) -> None:
        """Let the time come for which a retry, a sleep or a delayed task waits."""
        async with self._database.write("system") as session:
            await session.execute(_SLEPT, {"id": task_id})
            await session.execute(_UNDOABLE, {"id": task_id})
            await moves.move_tasks(session, TaskVerb.PROMOTE, Task.id == task_id)

    async def act(self, task_id: UUID, verb: Literal["retry", "resume", "cancel"]) -> TaskState:
        """What a person can tell a task by a button."""
        async with self._database.write(self._judge.actor) as session:
            return await tasks.act(session, self._judge, task_id, TaskVerb(verb))

    async def edit(self, task_id: UUID, payload: dict[str, Any], *, again: bool | None = None) -> TaskState:
        """Retry it with another payload, as an admin. `again`: whether its completed steps run once more."""
        async with self._database.write(self._judge.actor) as session:
            return await tasks.retry_edited(session, self._judge, task_id, payload, again=again)

    async def decide(
        self,
        task_id: UUID,
        *,
        approve: bool = True,
        form: Mapping[str, Any] | None = None,
        reason: str = "Not like this.",
        option: str | None = None,
        changes: str = "",
        by: Principal | None = None,
    ) -> None:
        """Answer the open question: approve or reject it, or send what was asked for.

        Args:
            form: replaces single values of the form as it was shown.
            reason: for a rejection.
            option: the one to choose, where the question offers some.
            changes: to be requested instead.
            by: an admin unless told otherwise.
        """
        approval = await self._open(task_id)
        verb = None if option else ApprovalVerb.APPROVE if approve else ApprovalVerb.REJECT
        if changes:
            verb = ApprovalVerb.REQUEST_CHANGES
        if approval.hold != HoldType.APPROVAL:
            verb = ApprovalVerb.ANSWER
        decision = Decision(
            version=approval.version,
            verb=verb,
            option=option,
            form=_values(approval) | dict(form or {}),
            reason=changes or ("" if approve else reason),
        )
        who = by or self._judge
        async with self._database.write(who.actor) as session:
            await deciding.decide_signed_in(session, who, approval.id, decision, source="a test")

    async def approve(self, task_id: UUID, *, by: str, form: Mapping[str, Any] | None = None) -> None:
        """Approve as one of those asked, by address: for questions that need several people."""
        await self.decide(task_id, form=form, by=await self._asked(by))

    async def reject(self, task_id: UUID, *, by: str, reason: str = "Not like this.") -> None:
        """Reject as one of those asked, by address."""
        await self.decide(task_id, approve=False, reason=reason, by=await self._asked(by))

    async def _asked(self, email: str) -> Principal:
        return Principal(await self.person(email), email, "", "member")

    async def expire(self, task_id: UUID) -> None:
        """Let the time to decide pass (and that of every other question that ends earlier)."""
        approval = await self._open(task_id)
        async with self._database.write("system") as session:
            await clock.start(session, approval.id)
            end = await session.scalar(select(Approval.expires_at).where(Approval.id == approval.id))
            if end is None:
                raise LookupError(f"The question {approval.step!r} has no time limit.")
            await expiring.expire_due(session, now=end)

    async def question(self, task_id: UUID) -> AskedQuestion:
        """The open question. Raises LookupError when there is none."""
        approval = await self._open(task_id)
        async with self._database.read() as session:
            standing = await standing_of(session, approval)
        return AskedQuestion(
            hold=HoldType(approval.hold),
            step=approval.step,
            title=approval.title,
            shown=approval.shown,
            form=_values(approval),
            recipients=[person.email for person in standing.recipients],
            needed=approval.needed,
            approved=tuple(vote.email for vote in standing.approved),
        )

    async def _open(self, task_id: UUID) -> Approval:
        async with self._database.read() as session:
            found = await session.execute(
                select(Approval).where(Approval.task_id == task_id, Approval.state == ApprovalState.PENDING)
            )
            approval = found.scalar_one_or_none()
        if approval is None:
            task = await self.task(task_id)
            raise LookupError(f"The task asks nothing: it is {task.state} ({task.reason}).")
        return approval

    async def steps(self, task_id: UUID) -> dict[str, Any]:
        """Finished steps and their results as plain data, in the order in which they finished."""
        async with self._database.read() as session:
            found = await session.execute(
                select(TaskStep.name, TaskStep.result).where(TaskStep.task_id == task_id).order_by(TaskStep.finished_at)
            )
            return {name: result for name, result in found}

    async def result(self, task_id: UUID) -> Any:
        return (await self.task(task_id)).result

    async def task(self, task_id: UUID) -> Task:
        """The task's row: state, reason, error, priority, failures, progress …"""
        async with self._database.read() as session:
            return await session.get_one(Task, task_id)


def _values(approval: Approval) -> dict[str, Any]:
    return {field.name: field.value for field in values.fields_of(approval)}
