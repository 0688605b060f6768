"""The tester for tests that are plain functions: the same methods, without `await`."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState
from holdgate.testing.asked import AskedQuestion
from holdgate.testing.loops import BlockingRunner
from holdgate.testing.tester import KindTester


class BlockingTester:
    """See `KindTester`."""

    def __init__(self, tester: KindTester, run: BlockingRunner) -> None:
        self._tester = tester
        self._await = run

    def person(self, email: str = "owner@example.org", name: str = "") -> UUID:
        return self._await(self._tester.person(email, name))

    def enqueue(self, kind: str, payload: Any, *, owner_id: UUID | None = None, **more: Any) -> UUID:
        return self._await(self._tester.enqueue(kind, payload, owner_id=owner_id, **more))

    def run(self, task_id: UUID) -> TaskState:
        return self._await(self._tester.run(task_id))

    def drain(self) -> list[UUID]:
        return self._await(self._tester.drain())

    def finish(self, task_id: UUID) -> TaskState:
        return self._await(self._tester.finish(task_id))

    def promote(self, task_id: UUID) -> None:
        self._await(self._tester.promote(task_id))

    def act(self, task_id: UUID, verb: Literal["retry", "resume", "cancel"]) -> TaskState:
        return self._await(self._tester.act(task_id, verb))

    def edit(self, task_id: UUID, payload: dict[str, Any], *, again: bool | None = None) -> TaskState:
        return self._await(self._tester.edit(task_id, payload, again=again))

    def decide(
        self,
        task_id: UUID,
        *,
        approve: bool = True,
        form: Mapping[str, Any] | None = None,
        reason: str = "Not like this.",
        by: Principal | None = None,
    ) -> None:
        self._await(self._tester.decide(task_id, approve=approve, form=form, reason=reason, by=by))

    def approve(self, task_id: UUID, *, by: str, form: Mapping[str, Any] | None = None) -> None:
        self._await(self._tester.approve(task_id, by=by, form=form))

    def reject(self, task_id: UUID, *, by: str, reason: str = "Not like this.") -> None:
        self._await(self._tester.reject(task_id, by=by, reason=reason))

    def expire(self, task_id: UUID) -> None:
        self._await(self._tester.expire(task_id))

    def question(self, task_id: UUID) -> AskedQuestion:
        return self._await(self._tester.question(task_id))

    def steps(self, task_id: UUID) -> dict[str, Any]:
        return self._await(self._tester.steps(task_id))

    def result(self, task_id: UUID) -> Any:
        return self._await(self._tester.result(task_id))

    def task(self, task_id: UUID) -> Task:
        return self._await(self._tester.task(task_id))
