"""The receipt of a decision: what was shown, who decided what, when and from where, signed for anybody to check.

It is made of rows that do not change any more, so two downloads are the same bytes. There is none while the decision
can still be undone.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals import values
from holdgate.approvals.errors import NoReceipt
from holdgate.approvals.models import Approval, Recipient, Vote
from holdgate.approvals.rules import recipient_queries, undo_queries
from holdgate.approvals.states import ApprovalState
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.tasks.models import Task

FORMAT = "holdgate-receipt-1"
DECIDED = (
    ApprovalState.APPROVED,
    ApprovalState.ANSWERED,
    ApprovalState.REJECTED,
    ApprovalState.CHANGES_REQUESTED,
    ApprovalState.EXPIRED,
)


class Receipt(msgspec.Struct, frozen=True):
    """`content` is what is signed; `text` the file, content and signature together."""

    approval_id: UUID
    content: dict[str, Any]
    signature: dict[str, str]

    @property
    def text(self) -> bytes:
        return signing.canonical({"receipt": self.content, "signature": self.signature})

    @property
    def file_name(self) -> str:
        return f"holdgate-receipt-{self.approval_id}.json"


async def exists(session: AsyncSession, settings: Settings, approval: Approval) -> bool:
    """Whether the decision stands."""
    if approval.state not in DECIDED:
        return False
    if approval.state == ApprovalState.REJECTED and settings.approval_undo:
        return not await undo_queries.undoable(session, [approval.id], None, settings.approval_undo)
    return approval.goes_on_at is None or not await undo_queries.waits_until(
        session, approval.task_id, approval.goes_on_at
    )


async def receipt_of(session: AsyncSession, settings: Settings, approval: Approval) -> Receipt:
    """Raises NoReceipt: nothing is decided, or not for good."""
    if not await exists(session, settings, approval):
        raise NoReceipt
    task = await session.get_one(Task, approval.task_id)
    people = await recipient_queries.recipients_of(session, [approval.id])
    votes = await session.execute(select(Vote).where(Vote.approval_id == approval.id).order_by(Vote.at, Vote.id))
    content = _content(approval, task, people, list(votes.scalars()), settings.base_url)
    return Receipt(approval.id, content, signing.sign(settings.secret_keys, content))


def _content(approval: Approval, task: Task, people: list[Recipient], votes: list[Vote], issuer: str) -> dict[str, Any]:
    """What was shown and answered is told as JSON text: those very bytes were hashed, whatever fractions are in it."""
    # Only where there is something to say, so that other receipts stay the bytes they were.
    erased = {"erased_at": _moment(approval.erased_at)} if approval.erased_at else {}
    return {
        **erased,
        "format": FORMAT,
        "issuer": issuer,
        "issued_at": _moment(approval.decided_at),
        "question": {
            "id": str(approval.id),
            "step": approval.step,
            "round": approval.round,
            "kind": approval.hold,
            "asked_at": _moment(approval.created_at),
            "asked": sorted(person.email for person in people),
            "asked_as": {person.email: person.because for person in people if person.because},
            "needed": approval.needed,
            "needed_by": approval.needed_by,
        },
        "shown": values.as_shown(approval).decode(),
        "version": approval.version,
        "decision": {
            "outcome": approval.state,
            "by": approval.decided_by,
            "at": _moment(approval.decided_at),
            "from": approval.decided_from,
            "option": approval.option,
            "reason": approval.reason,
            "answer": _json(approval.answer),
        },
        "votes": [
            {
                "decision": vote.verb,
                "by": vote.email,
                "at": _moment(vote.at),
                "from": vote.source,
                "option": vote.option,
                "reason": vote.reason,
                "answer": _json(vote.answer),
                "version": vote.version,
            }
            for vote in votes
        ],
        "task": {"id": str(task.id), "kind": task.kind, "run": str(task.run_id) if task.run_id else None},
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="sorted").decode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError for a name that comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


class Verdict(msgspec.Struct, frozen=True):
    """`problem` is empty for a genuine receipt; `content` is what it says."""

    problem: str
    content: dict[str, Any] = {}


def check(text: bytes, keys: list[dict[str, str]]) -> Verdict:
    """Whether this is a receipt, unchanged, signed by one of the public `keys`.

    White space is nobody's concern, since an answer of the API is often written anew. What says a name twice would be
    read differently by different programs, and is none.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Verdict("Not a receipt: it isn’t valid JSON.")
    content = found.get("receipt") if isinstance(found, dict) else None
    if not isinstance(content, dict) or found.keys() != {"receipt", "signature"} or content.get("format") != FORMAT:
        return Verdict("Not a receipt of a known kind.")
    problem = signing.verify(content, found["signature"], keys)
    if problem is not None:
        return Verdict(problem, content)
    # Personal data may have been erased from what was shown, as the receipt says; the version is that of all of it.
    if "erased_at" not in content and sha256(content["shown"].encode()).hexdigest() != content["version"]:
        return Verdict("Its version is not the SHA-256 of what it says was shown.", content)
    return Verdict("", content)
