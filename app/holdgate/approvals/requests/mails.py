"""The mails that put a question to a person. The link's token is minted while the mail is rendered."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from holdgate.approvals.evidence.form_diff import revision_of
from holdgate.approvals.models import Approval, Note
from holdgate.approvals.requests import clock
from holdgate.approvals.rules import clock_queries, deadlines, events, queries, recipient_queries
from holdgate.approvals.rules.askers import asker_of
from holdgate.approvals.rules.shown import in_brief
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.approvals.values import EarlierForm, earlier_forms, fields_of
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.principal import name_of
from holdgate.core.text.web_address import unlinked
from holdgate.core.tokens import digest, mint
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter
from holdgate.runs import lookup as runs
from holdgate.tasks.models import Task

MOST_ROWS = 20  # of what is shown


class AskedPerson(msgspec.Struct):
    recipient_id: UUID


class _Question(PlainLetter):
    """Renders a question; its delivery starts the clock."""

    Data: type[msgspec.Struct] = AskedPerson

    async def prepare(self, session: WriteSession, data: AskedPerson, settings: Settings) -> dict[str, Any]:
        asked = await recipient_queries.by_recipient(session, data.recipient_id)
        if asked is None or asked.approval.state != ApprovalState.PENDING:
            raise NotNeeded("The request is no longer pending.")
        recipient, approval = asked.recipient, asked.approval
        if recipient.turn == "waiting" and recipient.told_at is None:
            raise NotNeeded("This person has enough open requests; the email follows when this one opens.")
        standing = await standing_of(session, approval, access=True)
        if all(person.id != recipient.id for person in standing.able):
            raise NotNeeded("This person has already decided, or is no longer an approver.")
        token = mint()
        await recipient_queries.store_link(session, digest(token), recipient.id)
        asker = await asker_of(session, approval)
        written = str if asker.trusted else unlinked
        sender = next((person for person in standing.recipients if person.id == recipient.forwarded_from), None)
        signs_in = approval.level == "sign-in"
        left = await clock_queries.time_left(session, approval.id)
        ends = deadlines.ends_at(approval, await deadlines.time_now(session))
        running = approval.expires_at is not None
        return {
            "to": recipient.email,
            "title": written(approval.title),
            "asker": written(asker.text),
            "kind": asked.task.kind,
            "run_name": await runs.name_of(session, asked.task.run_id) if asked.task.run_id else "",
            # What is decided is shown to people who have signed in, so a mail must not show it either.
            "what": [] if signs_in else [(written(label), written(text)) for label, text in _what(approval.shown)],
            "replaces": await _replaces(session, approval, written),
            "url": f"{settings.base_url}/review/{token}",
            "minutes": deadlines.minutes(left),
            "deadline": deadlines.written(ends, await deadlines.zone_of(session, recipient.email)),
            "thread": str(recipient.digest_id or recipient.id),
            "expires_hint": "The deadline is already running." if running else "",
            "reason": approval.title if approval.hold != HoldType.APPROVAL else "",
            "sender": sender.email if sender else "",
            "note": (recipient.forward_note or "") if sender else "",
            "signs_in": signs_in,
            "needed": approval.needed,
            "named": approval.asks_others,
            "because": recipient.because,
        }

    async def sent(self, session: WriteSession, data: AskedPerson, reply: str = "") -> None:
        approval_id = await recipient_queries.mark_recipient(session, data.recipient_id, "sent")
        if approval_id is not None:
            await clock.start(session, approval_id)
        await _tell(session, data, "mail_accepted", {"reply": reply})

    async def delayed(self, session: WriteSession, data: AskedPerson, problem: str) -> None:
        await recipient_queries.note_delay(session, data.recipient_id, problem)

    async def undelivered(self, session: WriteSession, data: AskedPerson, problem: str) -> None:
        await recipient_queries.mark_recipient(session, data.recipient_id, "undelivered", problem)
        await _tell(session, data, "mail_refused", {"problem": problem})


async def _tell(session: WriteSession, data: AskedPerson, verb: str, told: dict[str, str]) -> None:
    """A line of the trail about a mail to this person."""
    asked = await recipient_queries.by_recipient(session, data.recipient_id)
    if asked is not None:
        await events.record(session, asked.approval.id, verb, "system", recipient_id=data.recipient_id, data=told)


class ApprovalRequest(_Question):
    """Please approve."""


class InputNeeded(_Question):
    """Please answer, or sign in somewhere."""


class ApprovalReminder(_Question):
    """Still open, and so much time is left. Another link to the same page; nothing follows from its delivery."""

    async def prepare(self, session: WriteSession, data: AskedPerson, settings: Settings) -> dict[str, Any]:
        values = await super().prepare(session, data, settings)
        if not values["expires_hint"]:
            raise NotNeeded("Its deadline isn’t running.")
        return values

    async def sent(self, session: WriteSession, data: AskedPerson, reply: str = "") -> None:
        await _tell(session, data, "mail_accepted", {"reply": reply})

    async def delayed(self, session: WriteSession, data: AskedPerson, problem: str) -> None:
        pass

    async def undelivered(self, session: WriteSession, data: AskedPerson, problem: str) -> None:
        await _tell(session, data, "mail_refused", {"problem": problem})


class Answered(AskedPerson):
    note_id: UUID


class QuestionAnswered(ApprovalReminder):
    """The owner has answered what this person asked back."""

    Data = Answered

    async def prepare(self, session: WriteSession, data: AskedPerson, settings: Settings) -> dict[str, Any]:
        assert isinstance(data, Answered)
        note = await session.get_one(Note, data.note_id)
        values = await _Question.prepare(self, session, data, settings)
        return {**values, "question": note.question, "answer": note.answer, "answered_by": note.ended_by}


class ClarificationData(msgspec.Struct):
    note_id: UUID


class QuestionBack(PlainLetter):
    """Somebody asked wants to know more. The link is no personal one: the owner answers signed in."""

    Data = ClarificationData

    async def prepare(self, session: WriteSession, data: ClarificationData, settings: Settings) -> dict[str, Any]:
        note = await session.get(Note, data.note_id)
        approval = await session.get(Approval, note.approval_id) if note else None
        if note is None or approval is None or note.ended_at or approval.state != ApprovalState.PENDING:
            raise NotNeeded("The request is no longer pending.")
        task = await session.get_one(Task, approval.task_id)
        return {
            "title": approval.title,
            "asker": note.asked_by,
            "kind": task.kind,
            "run_name": await runs.name_of(session, task.run_id) if task.run_id else "",
            "question": note.question,
            "url": f"{settings.base_url}/approvals/{approval.id}",
        }


def _what(shown: Any) -> list[tuple[str, str]]:
    """What the page shows, each value on a line that a template may cut short, and how many are left for the page."""
    told = in_brief(shown)
    left = len(told) - MOST_ROWS
    return told if left <= 0 else [*told[:MOST_ROWS], ("More", f"{left} more values on the page")]


async def _replaces(session: WriteSession, approval: Approval, written: Callable[[str], str]) -> str:
    """Why somebody is asked again; "" for what is asked for the first time."""
    if earlier := earlier_forms(approval):
        return _changed_form(approval, earlier[-1], written)
    before = await queries.version_before(session, approval)
    if before is None:
        return ""
    by = f" by {name_of(before.decided_by)}" if before.decided_by and before.decided_by != "system" else ""
    labels = [] if approval.level == "sign-in" else [written(change.label) for change in revision_of(before, approval)]
    changed = f" Changed: {', '.join(labels)}." if labels else ""
    if before.state == ApprovalState.CHANGES_REQUESTED:
        return f"This is a new version, after changes were requested{by}: “{before.reason}”.{changed}"
    said = f"This is a changed request: an earlier version was {before.state}{by}."
    return f"{said} That decision doesn’t apply to this version.{changed}"


def _changed_form(approval: Approval, last: EarlierForm, written: Callable[[str], str]) -> str:
    """For those who had approved before, and for all whom an email reaches later."""
    labels = [written(field.label) for field in fields_of(approval) if field.name in last.values]
    what = "the form" if approval.level == "sign-in" else f"the form ({', '.join(labels)})"
    return f"{last.changed_by} has changed {what}. Approvals given before don’t count. Please review it as it is now."
