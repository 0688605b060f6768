"""Who asks, as everybody who is asked is told: a person, or a program and whose it is; and whether it is trusted."""

from typing import NamedTuple

from holdgate.accounts import service as accounts
from holdgate.accounts.tokens import personal
from holdgate.approvals.models import Approval
from holdgate.core.db import Session


class AskerName(NamedTuple):
    """`text` is for people. Links of one who is not `trusted` are text, with their host: who wrote them may be a
    language model that was told what to write."""

    text: str
    trusted: bool = True


async def asker_of(session: Session, approval: Approval) -> AskerName:
    owner = await accounts.find_user(session, approval.owner_id) if approval.owner_id else None
    if approval.asker is None or approval.asker_id is None:  # a handler, which somebody has deployed
        return AskerName(owner.named if owner else "Holdgate")
    text = f"{approval.asker}, a program of {owner.email if owner else 'nobody here'}"
    return AskerName(text, await personal.is_trusted(session, approval.asker_id))
