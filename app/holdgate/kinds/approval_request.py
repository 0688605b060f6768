"""The kind `approval.request`: what a program asks over the API.

Its task begins with the request, holding; the handler runs once that is decided, and gives the decision as its result.
It puts the request again when somebody resumes the task after its time.
"""

from typing import Any

import msgspec

from holdgate.approvals.programs import service
from holdgate.approvals.programs.question import KIND, AskedTask
from holdgate.approvals.states import ApprovalState
from holdgate.runtime.attempts.asking import put_question
from holdgate.runtime.attempts.context import Context
from holdgate.tasks.kinds import kind


class ProgramDecision(msgspec.Struct, frozen=True):
    """What people decided. `by` is an address, or `system`. `option`: the one chosen of those offered."""

    state: ApprovalState
    option: str | None
    form: dict[str, Any]
    by: str
    reason: str | None


@kind(KIND, internal=True)
async def request_approval(ctx: Context, payload: AskedTask) -> ProgramDecision:
    """Ask people what a program has put to them."""
    async with ctx.database.read() as session:
        question = await service.question_of(session, ctx.task_id)
    answer = await put_question(ctx, question)
    return ProgramDecision(answer.decision, answer.option, answer.filled or {}, answer.by, answer.reason)
