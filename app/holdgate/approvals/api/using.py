"""Taking an approval, by the program that asked for it, before it does what was approved."""

from uuid import UUID

import msgspec

from holdgate.api.routes import post
from holdgate.approvals.programs import using
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.schemas import Moment


class UsedApproval(msgspec.Struct, frozen=True):
    """The approval is taken: what was asked may be done now, once."""

    id: UUID
    used_at: Moment


@post(
    "/approvals/{approval_id:uuid}/use",
    scope=Scope.APPROVALS_CREATE,
    tag="Approvals",
    summary="Use an approval",
    problems=(409,),
)
async def use_approval(session: WriteSession, by: Principal, approval_id: UUID) -> UsedApproval:
    """For the program that asked, just before it does what was approved: the first call takes the approval, and every
    other one is told 409. Send an Idempotency-Key, so that a lost answer can be asked for again."""
    return UsedApproval(approval_id, await using.use(session, by, approval_id))


handlers = [use_approval]
