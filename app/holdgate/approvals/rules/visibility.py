"""Whose turn it is: which questions a person was asked, and which of them still wait for that very person."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, true
from sqlalchemy.orm import aliased

from holdgate.approvals.models import Approval, Recipient, Vote
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address

_Next = aliased(Recipient)


class _Whose(NamedTuple):
    """A person as these conditions know them: by values, or by the parameters of a statement that is built once."""

    email: Any
    person: Any  # the canonical address
    id: Any


def _whose(by: Principal) -> _Whose:
    return _Whose(by.email.lower(), canonical_address(by.email), by.id)


def asked(by: Principal) -> ColumnElement[bool]:
    """The person is among those asked, or the task is theirs and waits for its owner. Of a program that only asks:
    what it has asked for."""
    return or_(*halves_asked(by))


def halves_asked(by: Principal) -> list[ColumnElement[bool]]:
    """The same, for a statement that looks for each on its own."""
    if by.asks_only:
        return [Approval.asker_id == by.asker_id]
    among = select(Recipient.approval_id).where(func.lower(Recipient.email) == by.email.lower()).scalar_subquery()
    return [Approval.id.in_(among), Approval.owner_id == by.id]


def visible(by: Principal) -> ColumnElement[bool]:
    """What this person may see at all: everything, for an administrator."""
    return true() if by.is_admin else asked(by)


def to_decide(by: Principal) -> ColumnElement[bool]:
    """Open, this person's turn, and neither decided nor passed on by them, nor barred to them."""
    return _to_decide(_whose(by))


def _to_decide(by: _Whose) -> ColumnElement[bool]:
    passed_on = exists().where(_Next.forwarded_from == Recipient.id)
    voted = exists().where(Vote.approval_id == Recipient.approval_id, Vote.person == by.person)
    mine = (func.lower(Recipient.email) == by.email, Recipient.turn.is_distinct_from("waiting"))
    theirs = select(Recipient.approval_id).where(*mine, ~passed_on, ~voted)
    barred = and_(~Approval.self_approval, func.coalesce(Approval.owner_id == by.id, False))
    return and_(Approval.state == ApprovalState.PENDING, Approval.id.in_(theirs), ~barred)


def to_come(by: Principal) -> ColumnElement[bool]:
    """Waits for its turn with this person, behind what they have open."""
    theirs = select(Recipient.approval_id).where(
        Recipient.person == canonical_address(by.email),
        func.lower(Recipient.email) == by.email.lower(),
        Recipient.turn == "waiting",
    )
    return and_(Approval.state == ApprovalState.PENDING, Approval.id.in_(theirs))


def waits_for(by: Principal) -> ColumnElement[bool]:
    """Theirs to decide; or theirs to answer, as the owner."""
    return _waits_for(_whose(by))


def _waits_for(by: _Whose) -> ColumnElement[bool]:
    theirs = and_(Approval.hold != HoldType.APPROVAL, ~Approval.asks_others)
    to_answer = or_(theirs, Approval.stopped_at.is_not(None))
    mine = and_(Approval.state == ApprovalState.PENDING, Approval.owner_id == by.id, to_answer)
    return or_(_to_decide(by), mine)


# The same for whomever `parameters_of` says, for a statement that is built once.
WAITS = _waits_for(_Whose(bindparam("email"), bindparam("person"), bindparam("id")))


def parameters_of(by: Principal) -> dict[str, Any]:
    return _whose(by)._asdict()
