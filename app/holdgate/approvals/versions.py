"""Which decision counts: the newest of a step, for the very version it was made for, until it is withdrawn.

A request for changes counts for good for the version it was made for: it is why the step asks for another one.

Two things withdraw a decision: the step asks for another version (the statement that asks does it), or the task gets
another payload (a trigger, so that no way of changing one can pass it by).
"""

from collections.abc import Collection
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import Approval
from holdgate.approvals.rules import queries
from holdgate.approvals.states import ApprovalState
from holdgate.approvals.values import Answer, Question

Latest: TypeAlias = Approval | None  # what a step has asked last
MOST_VERSIONS = 5  # of one step in one round: people are not to be asked for ever


class AskingTask(Protocol):
    """Of the task that asks: a worker's, or one that is just being made."""

    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def run_id(self) -> UUID | None: ...
    @property
    def owner_id(self) -> UUID | None: ...
    @property
    def round(self) -> int: ...


async def latest(session: AsyncSession, task_id: UUID, step: str) -> Latest:
    """What the step has asked last, whatever became of it."""
    return await queries.latest_question(session, task_id, step)


def decision_on(found: Approval | None, version: str, round: int) -> Approval | None:
    """What was decided on this version, by what the step has asked last; None when it must be asked (again)."""
    return found if found is not None and found.asked_version == version and _counts(found, round) else None


async def changes_requested(
    session: AsyncSession, task_id: UUID, step: str, version: str, passed: Collection[UUID]
) -> Approval | None:
    """What people wanted changed in this version, the first that the handler has not `passed` in this attempt."""
    found = await queries.changes_requested(session, task_id, step)
    return next((each for each in found if each.asked_version == version and each.id not in passed), None)


async def has_asked(session: AsyncSession, task_id: UUID) -> bool:
    """Whether the task has asked for anything that still counts."""
    return await queries.any_question(session, task_id)


async def is_decided(session: AsyncSession, task_id: UUID, step: str, round: int) -> bool:
    """Whether a decision counts for whatever version it was made for; for a handler that may ask for another one."""
    found = await queries.latest_question(session, task_id, step)
    return found is not None and _counts(found, round)


async def successor(session: AsyncSession, approval: Approval) -> Approval | None:
    """The same request, put again since this one expired, and decided."""
    if approval.state != ApprovalState.EXPIRED:
        return None
    latest = await queries.latest_question(session, approval.task_id, approval.step)
    newer = latest is not None and latest.created_at > approval.created_at
    return latest if latest and newer and latest.state != ApprovalState.PENDING else None


def answer_of(decided: Approval) -> Answer[dict[str, Any]]:
    state, by = ApprovalState(decided.state), decided.decided_by or "system"
    return Answer(state, decided.answer or {}, by, decided.reason, decided.option)


def _counts(found: Approval, round: int) -> bool:
    open_or_over = (ApprovalState.PENDING, ApprovalState.CHANGES_REQUESTED, ApprovalState.CANCELLED)
    if found.withdrawn_at or found.state in open_or_over:
        return False
    # One that was refused in an earlier round a person has resumed since.
    return found.round >= round or found.state not in (ApprovalState.REJECTED, ApprovalState.EXPIRED)


class VersionChange(NamedTuple):
    """`changed`: something else is shown than before. `replaces`: so what was decided on that counts no longer."""

    changed: bool = False
    replaces: bool = False


async def change_of(
    session: AsyncSession, task: AskingTask, question: Question, before: Approval | None
) -> VersionChange:
    """What a question changes of what the step has asked last, which is `before`.

    Raises:
        QuestionImpossible: it has changed too often already.
    """
    if before is None:
        return VersionChange()
    if await queries.count_versions(session, task.id, question.step, task.round) >= MOST_VERSIONS:
        raise QuestionImpossible(
            f"The approval request {question.step!r} has shown something else {MOST_VERSIONS} times, so nobody is "
            "asked again. What it shows must depend on the payload and on steps only, not on the time or on chance."
        )
    if before.state == ApprovalState.CHANGES_REQUESTED:
        return VersionChange(changed=True)
    if before.asked_version == question.version:
        return VersionChange()
    return VersionChange(changed=True, replaces=True)
