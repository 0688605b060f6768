"""Who acts on a question other than by deciding it: the person behind a personal link, or behind a session."""

from uuid import UUID

from holdgate.accounts import service as accounts
from holdgate.accounts.errors import AccessEnded
from holdgate.approvals.errors import ApprovalNotFound, LinkUnknown, NotAsked, SelfApproval, SignInNeeded
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.rules.recipient_queries import Asked
from holdgate.approvals.rules.tally import barred_from
from holdgate.approvals.states import HoldType
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address


async def holder_of(session: Session, token_hash: bytes) -> Asked:
    """The person of a link, and what they were asked. Raises LinkUnknown; AccessEnded for a disabled person."""
    asked = await recipient_queries.by_link(session, token_hash)
    if asked is None:
        raise LinkUnknown
    if await accounts.disabled_among(session, [asked.recipient.email]):
        raise AccessEnded
    return asked


async def asked_by_link(
    session: WriteSession, token_hash: bytes, holder: Principal | None = None
) -> tuple[Approval, Recipient]:
    """For whoever acts at once, under the lock of the task: there they are refused if they are disabled.

    Args:
        holder: who is signed in where the link is used; whoever started it does not decide it by another's link either.

    Raises:
        LinkUnknown
        SignInNeeded: the link alone is not enough.
        SelfApproval
    """
    asked = await recipient_queries.by_link(session, token_hash)
    if asked is None:
        raise LinkUnknown
    if asked.approval.level != "link":
        raise SignInNeeded
    if holder is not None and canonical_address(holder.email) in await barred_from(session, asked.approval):
        raise SelfApproval
    return asked.approval, asked.recipient


def answered_by_owner(approval: Approval) -> bool:
    """Whether the task's owner may answer it without having been asked: input and sign-ins are theirs, unless others
    were named."""
    return approval.hold != HoldType.APPROVAL and not approval.asks_others


def owns(approval: Approval, by: Principal) -> bool:
    """Whether the task that asks is this person's; a program that may only ask has what it asked for itself."""
    return approval.asker_id == by.asker_id if by.asks_only else approval.owner_id == by.id


def check_person(approval: Approval, by: Principal) -> None:
    """For a program that acts for a person.

    Raises:
        SignInNeeded: that person has to sign in.
        NotAsked: it has asked for this itself, or another program of the same person has.
    """
    if not by.by_program:
        return
    if approval.level != "link":
        raise SignInNeeded("Sign in to decide this. A token isn’t enough.")
    if approval.asker_id is not None and (approval.asker_id == by.asker_id or approval.owner_id == by.id):
        raise NotAsked("One of your programs requested this, so your programs can’t decide it. Decide it yourself.")


async def asked_signed_in(session: WriteSession, by: Principal, approval_id: UUID) -> tuple[Approval, Recipient]:
    """Raises ApprovalNotFound, SignInNeeded; NotAsked for the owner and for an admin, who were not asked themselves."""
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFound
    for person in await recipient_queries.recipients_of(session, [approval_id]):
        if person.email.lower() == by.email.lower():
            check_person(approval, by)
            return approval, person
    if approval.owner_id == by.id or by.is_admin:
        raise NotAsked
    raise ApprovalNotFound
