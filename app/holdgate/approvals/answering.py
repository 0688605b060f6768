"""Answering many of a person's open requests for input by what is known about them, such as their profile."""

from collections.abc import Mapping

from sqlalchemy import select

from holdgate.approvals import values
from holdgate.approvals.models import Approval
from holdgate.approvals.requests.deciding import decide_signed_in
from holdgate.approvals.rules.visibility import waits_for
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.core.db import WriteSession
from holdgate.core.errors import AppError
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task

MOST = 500  # at once


async def answer_known(
    session: WriteSession, by: Principal, kind: str, known: Mapping[str, str], *, source: str
) -> int:
    """Answer those open requests for input of the person's tasks of the kind in which nothing is missing. How many.

    Args:
        known: answers by the name of a field, or by its label in small letters.
    """
    found = await session.execute(
        select(Approval)
        .join(Task, Task.id == Approval.task_id)
        .where(Task.kind == kind, Task.owner_id == by.id, waits_for(by))
        .where(Approval.hold == HoldType.INPUT, Approval.state == ApprovalState.PENDING)
        .order_by(Approval.task_id)  # as tasks are locked
        .limit(MOST)
    )
    answered = 0
    for approval in found.scalars().all():
        fields = values.fields_of(approval)
        found_for = {field.name: known.get(field.name) or known.get(field.label.casefold(), "") for field in fields}
        form = {name: answer for name, answer in found_for.items() if answer}
        decision = values.Decision(version=approval.version, verb=ApprovalVerb.ANSWER, form=form)
        if all(field.name in form for field in fields if field.field.required):
            answered += await _answer(session, by, approval, decision, source)
    return answered


async def _answer(
    session: WriteSession, by: Principal, approval: Approval, decision: values.Decision, source: str
) -> bool:
    try:
        await decide_signed_in(session, by, approval.id, decision, source=source)
    except AppError:  # before anything is written: the answer is none of this form's choices, or somebody was quicker
        return False
    return True
