"""The emails of many requests: one link opens the review session. Its token is minted while the email is rendered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from holdgate.accounts import service as accounts
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import clock
from holdgate.approvals.rules import deadlines, digest_queries, events, recipient_queries
from holdgate.approvals.rules.digest_queries import DigestRequest
from holdgate.approvals.rules.models import Digest
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.text.web_address import unlinked
from holdgate.core.tokens import digest as hash_of
from holdgate.core.tokens import mint
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter
from holdgate.runs import lookup as runs

MOST_LINES = 10  # requests named in the email; the page has all


class DigestData(msgspec.Struct):
    digest_id: UUID


class ApprovalDigest(PlainLetter):
    """Many decisions wait. Its delivery starts the clocks of those it tells of."""

    Data = DigestData

    async def prepare(self, session: WriteSession, data: DigestData, settings: Settings) -> dict[str, Any]:
        digest = await session.get(Digest, data.digest_id)
        told = await self._told(session, digest) if digest else []
        if digest is None or not told:
            raise NotNeeded("None of these requests is open any more.")
        token = mint()
        await digest_queries.store_digest_link(session, hash_of(token), digest.id)
        now, zone = await deadlines.time_now(session), await deadlines.zone_of(session, digest.email)
        ends = {item.approval.id: deadlines.ends_at(item.approval, now) for item in told}
        first = min((end for end in ends.values() if end), default=None)
        others = [item for item in await digest_queries.items(session, digest) if item.recipient.turn == "waiting"]
        named = [item.approval for item in told[:MOST_LINES]]
        about = await _about(session, named)
        lines = [(_title(one), deadlines.written(ends[one.id], zone), about[one.id]) for one in named]
        return {
            "to": digest.email,
            "n": len(told),
            "lines": lines,
            "more": len(told) - len(lines),
            "waiting": len(others),
            "deadline": deadlines.written(first, zone),
            "minutes": deadlines.minutes(_left(first, now)),
            "url": f"{settings.base_url}/review/session/{token}",
            "thread": str(digest.id),
        }

    async def _told(self, session: WriteSession, digest: Digest) -> Sequence[DigestRequest]:
        return await digest_queries.told_by(session, digest.id)

    async def sent(self, session: WriteSession, data: DigestData, reply: str = "") -> None:
        for item in await digest_queries.told_by(session, data.digest_id):
            await recipient_queries.mark_recipient(session, item.recipient.id, "sent")
            await clock.start(session, item.approval.id)
            await _note(session, item, "mail_accepted", {"reply": reply})

    async def delayed(self, session: WriteSession, data: DigestData, problem: str) -> None:
        for item in await digest_queries.told_by(session, data.digest_id):
            await recipient_queries.note_delay(session, item.recipient.id, problem)

    async def undelivered(self, session: WriteSession, data: DigestData, problem: str) -> None:
        for item in await digest_queries.told_by(session, data.digest_id):
            await recipient_queries.mark_recipient(session, item.recipient.id, "undelivered", problem)
            await _note(session, item, "mail_refused", {"problem": problem})


class ReminderDigest(ApprovalDigest):
    """Many decisions still wait. Another link to the same session; nothing follows from its delivery."""

    async def _told(self, session: WriteSession, digest: Digest) -> Sequence[DigestRequest]:
        items = await digest_queries.items(session, digest)
        return [item for item in items if item.open and item.approval.expires_at is not None]

    async def sent(self, session: WriteSession, data: DigestData, reply: str = "") -> None:
        pass

    async def delayed(self, session: WriteSession, data: DigestData, problem: str) -> None:
        pass

    async def undelivered(self, session: WriteSession, data: DigestData, problem: str) -> None:
        pass


def _left(first: datetime | None, now: datetime) -> Any:
    return first - now if first else None


async def _note(session: WriteSession, item: DigestRequest, verb: str, told: dict[str, str]) -> None:
    await events.record(session, item.approval.id, verb, "system", recipient_id=item.recipient.id, data=told)


async def _about(session: WriteSession, approvals: Sequence[Approval]) -> dict[UUID, str]:
    """Who asks, for which run and kind of task, by the requests' ids."""
    emails = await accounts.emails_of(session, [one.owner_id for one in approvals if one.owner_id])
    tasks = await digest_queries.tasks_of(session, [one.id for one in approvals])
    names = await runs.names_of(session, [run_id for _, run_id in tasks.values() if run_id])
    found = {}
    for one in approvals:
        owner = emails.get(one.owner_id, "") if one.owner_id else ""
        program = f"{unlinked(one.asker)}, a program of {owner or 'nobody here'}" if one.asker else ""
        kind, run_id = tasks[one.id]
        parts = (program or owner or "Holdgate", names.get(run_id, "") if run_id else "", kind)
        found[one.id] = " · ".join(part for part in parts if part)
    return found


def _title(approval: Approval) -> str:
    """A program's without an address that mail programs would make a link of."""
    return approval.title if approval.asker is None else unlinked(approval.title)
