"""Asking back: somebody asked puts a question to the owner, and the time to decide stands still until it has ended."""

from datetime import datetime
from uuid import UUID

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import ApprovalNotFound, NotAsked, QuestionExpired
from holdgate.approvals.models import Approval, Note, Recipient
from holdgate.approvals.requests import clock
from holdgate.approvals.requests.deciding import check_may_vote, refuse
from holdgate.approvals.requests.requesting import MAIL_PRIORITY
from holdgate.approvals.rules import events, policy_queries, recipient_queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.states import HoldType
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.mail import service as mail

LONGEST = 4000
MOST = 10  # questions back about one approval


class NoteEnded(Conflict):
    def __init__(self) -> None:
        super().__init__("That question has been answered or withdrawn already. Nothing was changed.")


class OpenNote(Conflict):
    def __init__(self) -> None:
        super().__init__("The owner already has an open question. Wait for the reply.")


async def ask_back(
    session: WriteSession, approval: Approval, person: Recipient, question: str, *, now: datetime | None = None
) -> UUID:
    """Mail the owner a question and stop the clock. The others asked may still decide meanwhile. Returns its id.

    Raises:
        Invalid: no question, not an approval, nobody to ask, too often.
        OpenNote, AlreadyDecided, QuestionExpired, AlreadyVoted, PassedOn, SelfApproval: nothing was changed.
    """
    text = _text(question, "question", "Enter your question.")
    current = await _locked(session, approval, person.email, now)
    check_may_vote(await standing_of(session, current), person.email)
    owner = await accounts.find_user(session, current.owner_id) if current.owner_id else None
    if (
        current.hold != HoldType.APPROVAL
        or owner is None
        or owner.disabled_at is not None
        or owner.email.lower() == person.email.lower()
    ):
        raise Invalid("There is nobody to ask: the task has no other owner.")
    notes = await policy_queries.notes_of(session, current.id)
    if any(note.ended_at is None for note in notes):
        raise OpenNote
    if len(notes) >= MOST:
        raise Invalid(f"{MOST} questions have already been asked about this. Approve or reject it.")
    note_id = uuid7()
    note = {"id": note_id, "approval_id": current.id, "recipient_id": person.id}
    await policy_queries.insert_note(session, {**note, "asked_by": person.email, "question": text}, now=now)
    await clock.stop(session, current.id, now=now)
    await events.record(session, current.id, "ask_back", person.email, data={"text": text}, now=now)
    await mail.send(
        session,
        template="question_back",
        to=owner.email,
        data={"note_id": str(note_id)},
        owner_id=current.owner_id,
        title=f"Question to {owner.email}: {current.title}",
        priority=MAIL_PRIORITY,
    )
    return note_id


async def answer_back(
    session: WriteSession, by: Principal, approval_id: UUID, note_id: UUID, answer: str, *, now: datetime | None = None
) -> Approval:
    """The owner, or an admin, answers; the deadline resumes with the time that was left.

    Raises:
        Invalid, ApprovalNotFound, NotAsked
        NoteEnded, AlreadyDecided: nothing was changed.
    """
    approval = await session.get(Approval, approval_id)
    if approval is None or not (by.is_admin or approval.owner_id == by.id):
        raise ApprovalNotFound
    note = await _end(session, approval, note_id, by.email, _text(answer, "answer", "Enter a reply."), now)
    await events.record(session, approval.id, "answer_back", by.email, data={"text": note.answer}, now=now)
    asker = next(
        person
        for person in await recipient_queries.recipients_of(session, [approval.id])
        if person.id == note.recipient_id
    )
    await mail.send(
        session,
        template="question_answered",
        to=asker.email,
        data={"recipient_id": str(asker.id), "note_id": str(note.id)},
        owner_id=approval.owner_id,
        title=f"Answer to {asker.email}: {approval.title}",
        priority=MAIL_PRIORITY,
    )
    return approval


async def withdraw(
    session: WriteSession, approval: Approval, person: Recipient, note_id: UUID, *, now: datetime | None = None
) -> None:
    """Whoever asked does without an answer; the deadline resumes.

    Raises:
        NotAsked: somebody else's question.
        NoteEnded, AlreadyDecided: nothing was changed.
    """
    open_note = await policy_queries.open_note(session, approval.id)
    if open_note is not None and open_note.id == note_id and open_note.recipient_id != person.id:
        raise NotAsked
    await _end(session, approval, note_id, person.email, None, now)
    await events.record(session, approval.id, "withdraw", person.email, now=now)


async def _end(
    session: WriteSession, approval: Approval, note_id: UUID, by: str, answer: str | None, now: datetime | None
) -> Note:
    current = await _locked(session, approval, by, now)
    open_note = await policy_queries.open_note(session, current.id)
    if open_note is None or open_note.id != note_id:
        raise NoteEnded
    note = await policy_queries.end_note(session, note_id, by=by, answer=answer, now=now)
    assert note is not None, "notes end under the lock of the task"
    await clock.resume(session, current.id, now=now)
    return note


async def _locked(session: WriteSession, approval: Approval, by: str, now: datetime | None) -> Approval:
    current = await policy_queries.open_approval(session, approval.id, now=now)
    await accounts.check_access(session, by)
    if current is None:
        await refuse(session, approval.id, approval.version)
        raise QuestionExpired
    return current


def _text(text: str, field: str, missing: str) -> str:
    stripped = text.replace("\r\n", "\n").strip()
    if not stripped:
        raise Invalid(missing, {field: missing})
    if len(stripped) > LONGEST or "\0" in stripped:
        sentence = f"At most {LONGEST:,} characters of plain text."
        raise Invalid(sentence, {field: sentence})
    return stripped
