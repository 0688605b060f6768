"""Statements about a form that one of several who decide has changed. The task is locked, then its request."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, literal, null, update

from holdgate.approvals.models import Approval, Recipient, Vote
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.core.db import WriteSession

GATHERED = timedelta(seconds=2)  # as what waited for its turn is, for one email


class Voter(NamedTuple):
    person: str
    email: str


async def change_form(session: WriteSession, approval: Approval, form: dict[str, Any], version: str) -> None:
    """It is another version from now on. What was filled in for an approval that was undone is over."""
    rows = await session.execute(
        update(Approval)
        .where(
            Approval.id == approval.id,
            Approval.state == ApprovalState.PENDING,
            Approval.version == approval.version,
        )
        .values(form=form, version=version, answer=null())
        .returning(Approval)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    assert rows.scalars().first() is not None, "the task is locked, so its open question cannot have changed"


async def withdraw_approvals(session: WriteSession, approval_id: UUID) -> list[Voter]:
    """Those who had approved; a trigger opens it again for them."""
    rows = await session.execute(
        delete(Vote)
        .where(Vote.approval_id == approval_id, Vote.verb == ApprovalVerb.APPROVE.value)
        .returning(Vote.person, Vote.email)
        .execution_options(synchronize_session=False)
    )
    return sorted(Voter(*row) for row in rows)


async def tell_again(
    session: WriteSession, approval_id: UUID, people: Sequence[str], *, now: datetime | None = None
) -> None:
    """The sweeper tells them, as it tells people of what has come to its turn."""
    await session.execute(
        update(Recipient)
        .where(Recipient.approval_id == approval_id, Recipient.person.in_(people), Recipient.turn == "open")
        .values(tell_at=at(now) + literal(GATHERED))
        .execution_options(synchronize_session=False)
    )
