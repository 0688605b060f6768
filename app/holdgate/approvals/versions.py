"""Which decision counts: the newest of a step, for the very version it was made for, until it is withdrawn.

Two things withdraw it: the step asks for another version (here), or the task gets another payload (a trigger, so that
no way of changing one can pass it by).
"""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import Approval
from holdgate.approvals.rules import queries
from holdgate.approvals.states import ApprovalState
from holdgate.approvals.values import Answer, Question
from holdgate.core.db import WriteSession
from holdgate.tasks.queue.claims import Claimed

MOST_VERSIONS = 5  # of one step in one round: people are not to be asked for ever


async def decision_on(session: AsyncSession, task_id: UUID, step: str, version: str, round: int) -> Approval | None:
    """What was decided on this version, or None when it must be asked (again)."""
    found = await _that_counts(session, task_id, step, round)
    return found if found is not None and found.version == version else None


async def has_asked(session: AsyncSession, task_id: UUID) -> bool:
    """Whether the task has asked for anything that still counts."""
    return await queries.any_question(session, task_id)


async def is_decided(session: AsyncSession, task_id: UUID, step: str, round: int) -> bool:
    """Whether a decision counts for whatever version it was made for; for a handler that may ask for another one."""
    return await _that_counts(session, task_id, step, round) is not None


def answer_of(decided: Approval) -> Answer[dict[str, Any]]:
    state, by = ApprovalState(decided.state), decided.decided_by or "system"
    return Answer(state, decided.answer or {}, by, decided.reason)


async def _that_counts(session: AsyncSession, task_id: UUID, step: str, round: int) -> Approval | None:
    found = await queries.latest_question(session, task_id, step)
    if found is None or found.withdrawn_at or found.state in (ApprovalState.PENDING, ApprovalState.CANCELLED):
        return None
    refused = found.state in (ApprovalState.REJECTED, ApprovalState.EXPIRED)
    if refused and found.round < round:
        return None  # a person has resumed the task since
    return found


async def replace(session: WriteSession, task: Claimed, question: Question) -> bool:
    """Make way for a question: what was decided on another version counts no longer. Returns whether there was one.

    Raises:
        QuestionImpossible: it has changed too often already.
    """
    if await queries.count_versions(session, task.id, question.step, task.round) >= MOST_VERSIONS:
        raise QuestionImpossible(
            f"The approval request {question.step!r} has shown something else {MOST_VERSIONS} times, so nobody is "
            "asked again. What it shows must depend on the payload and on steps only, not on the time or on chance."
        )
    before = await queries.latest_question(session, task.id, question.step)
    if before is None or before.version == question.version:
        return False
    await queries.withdraw(session, before.id)
    return True
