"""The mails that put a question to a person. The link's token is minted while the mail is rendered."""

from typing import Any
from uuid import UUID

import msgspec

from app.accounts import service as accounts
from app.approvals import queries
from app.approvals.states import ApprovalState, HoldType
from app.core.config import Settings
from app.core.db import WriteSession
from app.core.tokens import digest, mint
from app.mail.errors import NotNeeded
from app.mail.letters import PlainLetter, letter
from app.runs import service as runs


class AskedPerson(msgspec.Struct):
    recipient_id: UUID


class _Question(PlainLetter):
    """Renders a question; its delivery starts the clock."""

    Data: type[msgspec.Struct] = AskedPerson

    async def prepare(self, session: WriteSession, data: AskedPerson, settings: Settings) -> dict[str, Any]:
        asked = await queries.by_recipient(session, data.recipient_id)
        if asked is None or asked.approval.state != ApprovalState.PENDING:
            raise NotNeeded("The question is not open any more.")
        token = mint()
        await queries.store_link(session, digest(token), data.recipient_id)
        owner = await accounts.find_user(session, asked.approval.owner_id) if asked.approval.owner_id else None
        shown = asked.approval.shown
        ttl = asked.approval.ttl
        return {
            "to": asked.recipient.email,
            "title": asked.approval.title,
            "asker": (owner.name or owner.email) if owner else "Holdpoint",
            "run_name": await runs.name_of(session, asked.task.run_id) if asked.task.run_id else "",
            "what": [(label, str(value)) for label, value in shown.items() if isinstance(value, str | int)][:8],
            "url": f"{settings.base_url}/review/{token}",
            "minutes": int(ttl.total_seconds() // 60) if ttl else None,
            "expires_hint": "",
            "reason": asked.approval.title if asked.approval.hold != HoldType.APPROVAL else "",
        }

    async def sent(self, session: WriteSession, data: AskedPerson) -> None:
        approval_id = await queries.mark_recipient(session, data.recipient_id, "sent")
        if approval_id is not None:
            await queries.start_clock(session, approval_id)

    async def undelivered(self, session: WriteSession, data: AskedPerson, problem: str) -> None:
        await queries.mark_recipient(session, data.recipient_id, "undelivered", problem)


@letter("approval_request")
class ApprovalRequest(_Question):
    """Please approve."""


@letter("input_needed")
class InputNeeded(_Question):
    """Please answer, or sign in somewhere."""
