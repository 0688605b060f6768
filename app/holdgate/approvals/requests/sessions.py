"""A review session: all that one digest's link opens, one request after the other, until none is left."""

from datetime import datetime
from uuid import UUID

import msgspec

from holdgate.accounts import service as accounts
from holdgate.accounts.errors import AccessEnded
from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.requests import clock
from holdgate.approvals.rules import digest_queries, events
from holdgate.approvals.rules.digest_queries import DigestRequest
from holdgate.approvals.rules.links import item_token, parts_of
from holdgate.approvals.rules.models import Digest
from holdgate.core.db import Session, WriteSession


class ReviewSession(msgspec.Struct, frozen=True, kw_only=True):
    """`items` in the order in which they were asked; `token` is that of the session. `after`: whose page was before."""

    token: str
    digest: Digest
    items: list[DigestRequest]
    after: UUID | None = None

    @property
    def open(self) -> list[DigestRequest]:
        return [item for item in self.items if item.open]

    @property
    def over(self) -> int:
        return sum(item.recipient.turn is None for item in self.items)

    @property
    def waiting(self) -> int:
        return sum(item.recipient.turn == "waiting" for item in self.items)

    @property
    def handled(self) -> DigestRequest | None:
        """The one that came just before."""
        return self.item(self.after) if self.after else None

    def number(self, recipient_id: UUID) -> int:
        """From 1."""
        return 1 + next(i for i, item in enumerate(self.items) if item.recipient.id == recipient_id)

    def item(self, recipient_id: UUID) -> DigestRequest | None:
        return next((item for item in self.items if item.recipient.id == recipient_id), None)

    def beside(self, recipient_id: UUID | None, step: int = 1) -> DigestRequest | None:
        """The next open one after it, or before it with -1, around the end; the first without one."""
        place = next((i for i, item in enumerate(self.items) if item.recipient.id == recipient_id), -1)
        after = [*self.items[place + 1 :], *self.items[: max(0, place)]]
        return next((item for item in after[::step] if item.open), None)

    def alike(self, key: str | None) -> list[DigestRequest]:
        """The open ones that can be decided together with one that has this key, itself among them."""
        return [item for item in self.open if key and item.approval.alike == key and item.approval.level == "link"]

    def link(self, item: DigestRequest) -> str:
        return f"/review/{item_token(self.token, item.recipient.id)}"


async def session_of(session: Session, key: bytes, token: str = "") -> ReviewSession:
    """Args:
        key: that of the session's link, or of a request in it.

    Raises:
        ApprovalNotFound; AccessEnded for a disabled person.
    """
    digest = await digest_queries.by_link(session, parts_of(key)[0])
    if digest is None:
        raise ApprovalNotFound
    if await accounts.disabled_among(session, [digest.email]):
        raise AccessEnded
    return ReviewSession(token=token, digest=digest, items=await digest_queries.items(session, digest))


async def go_on(session: WriteSession, key: bytes, *, now: datetime | None = None) -> None:
    """After a decision the session's next request is shown: that starts its clock as an email would."""
    review = await session_of(session, key)
    await digest_queries.mark_used(session, review.digest.id, now=now)
    following = review.beside(parts_of(key)[1])
    if following is None or (following.recipient.state in ("sent", "shown") and following.recipient.tell_at is None):
        return
    await digest_queries.mark_shown(session, following.recipient.id, now=now)
    await clock.start(session, following.approval.id, now=now)
    shown = {"people": [following.recipient.email]}
    await events.record(session, following.approval.id, "show", "system", data=shown, now=now)
