"""Evidence for programs: what happened to a question and its mails, who voted, and the signed receipt."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from holdgate.api.routes import get
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.deliveries import RecipientDelivery, deliveries
from holdgate.approvals.models import Vote
from holdgate.approvals.pages.receipts import receipt_file
from holdgate.approvals.requests import inbox
from holdgate.approvals.rules import policy_queries
from holdgate.approvals.rules.events import events_of
from holdgate.approvals.rules.models import LinkOpening
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.text.masking import masked
from holdgate.tasks.schemas import Moment
from holdgate.web.http.request import WebRequest

TAG = "Approvals"


class TrailEvent(msgspec.Struct, frozen=True):
    """`actor` is an address or `system`."""

    at: Moment
    verb: str
    actor: str
    data: Any


class MailItem(msgspec.Struct, frozen=True):
    """What the mail server said of one mail."""

    at: Moment
    accepted: bool
    said: str


class OpeningItem(msgspec.Struct, frozen=True, kw_only=True):
    """How often a link was opened, probably by a `person` or by a `scanner`. `sign`: by what it was taken for one."""

    opener: str
    n: int
    first_at: Moment
    last_at: Moment
    address: str
    sign: str


class TrailDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mails to one of those asked. `problem`: why they were not, or could not be, mailed."""

    email: str
    state: str
    sent_at: Moment | None
    problem: str | None
    mails: list[MailItem]
    openings: list[OpeningItem]


class VoteItem(msgspec.Struct, frozen=True, kw_only=True):
    """One person's decision. `source`: from where."""

    email: str
    verb: str
    at: Moment
    source: str
    reason: str | None
    answer: Any
    version: str


class Trail(msgspec.Struct, frozen=True):
    """All of it oldest first."""

    events: list[TrailEvent]
    deliveries: list[TrailDelivery]
    votes: list[VoteItem]


class ReceiptFile(msgspec.Struct, frozen=True):
    """`receipt` is what is signed; the public keys are at `/.well-known/holdgate-keys.json`."""

    receipt: dict[str, Any]
    signature: dict[str, str]


@get(
    "/approvals/{approval_id:uuid}/trail",
    scope=Scope.TASKS_READ,
    instead=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Read the trail of an approval",
)
async def get_trail(user: Principal, read: ReadSession, approval_id: UUID) -> Trail:
    """What people did, what became of each mail and link, and the votes."""
    found = await inbox.detail(read, approval_id, user)
    return Trail(
        [TrailEvent(each.at, each.verb, each.actor, masked(each.data)) for each in await events_of(read, approval_id)],
        [_delivery(each) for each in await deliveries(read, approval_id, found.recipients)],
        [_vote(each) for each in await policy_queries.votes_of(read, [approval_id])],
    )


@get(
    "/approvals/{approval_id:uuid}/receipt",
    scope=Scope.TASKS_READ,
    instead=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Download the receipt of a decision",
    answer=ReceiptFile,
)
async def get_receipt(request: WebRequest, user: Principal, read: ReadSession, approval_id: UUID) -> Response[bytes]:
    """Signed, and the same bytes every time: keep them as they are. 404 while nothing is decided, or can be taken
    back."""
    found = await inbox.detail(read, approval_id, user)
    return receipt_file(await receipts.receipt_of(read, request.app.state.settings, found.approval), {})


def _delivery(found: RecipientDelivery) -> TrailDelivery:
    person = found.person
    return TrailDelivery(
        email=person.email,
        state=person.state,
        sent_at=person.sent_at,
        problem=person.problem,
        mails=[
            MailItem(mail.at, mail.verb == "mail_accepted", mail.data.get("reply") or mail.data.get("problem") or "")
            for mail in found.mails
        ],
        openings=[_opening(opening) for opening in found.openings],
    )


def _opening(row: LinkOpening) -> OpeningItem:
    return OpeningItem(**{name: getattr(row, name) for name in OpeningItem.__struct_fields__})


def _vote(row: Vote) -> VoteItem:
    return VoteItem(**{name: getattr(row, name) for name in VoteItem.__struct_fields__})


handlers = [get_trail, get_receipt]
