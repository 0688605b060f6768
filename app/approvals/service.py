"""Asking people and taking their decision. Every rule about who may decide what, and when, is enforced here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.approvals import forms, queries
from app.approvals.errors import AlreadyDecided, ApprovalNotFound, NotAsked, QuestionChanged, QuestionExpired
from app.approvals.forms import FormField
from app.approvals.models import Approval
from app.approvals.states import ApprovalState, ApprovalVerb, HoldType
from app.core.db import WriteSession
from app.core.errors import Conflict, Invalid, TooMany
from app.core.ids import uuid7
from app.core.principal import Principal
from app.mail import service as mail
from app.runs import service as runs
from app.tasks import queries as tasks
from app.tasks.attempts import Claimed
from app.tasks.models import Task
from app.tasks.service import announce_ready
from app.tasks.states import APPROVED_PRIORITY, RESUMED_PRIORITY, TaskState, TaskVerb

F = TypeVar("F")

FRESH_LINKS = 5  # mails one person can ask for about one question
MAIL_PRIORITY = 300  # ahead of every other mail: twenty minutes are short


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler asks. `shown` and `fields` are plain data: exactly what the person sees."""

    hold: HoldType
    step: str
    title: str
    shown: Any
    fields: tuple[FormField, ...] = ()
    recipients: tuple[str, ...] = ()
    ttl: timedelta | None = None
    continues_on_reject: bool = False
    continues_on_expire: bool = False

    @property
    def version(self) -> str:
        """SHA-256 (hex) of what is shown; a decision names it."""
        return sha256(msgspec.json.encode([self.title, self.shown, self.fields], order="sorted")).hexdigest()


@dataclass(frozen=True)
class Answer(Generic[F]):
    """A decision as the handler sees it."""

    decision: ApprovalState
    filled: F | None
    by: str
    reason: str | None

    @property
    def form(self) -> F:
        """The form as the person left it. A refusal, which only `continue` lets a handler see, has none."""
        if self.filled is None:
            raise LookupError(f"The question was {self.decision} and had no form filled in.")
        return self.filled

    @property
    def approved(self) -> bool:
        return self.decision in (ApprovalState.APPROVED, ApprovalState.ANSWERED)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sends: the version they saw, what they decided, the form as they left it."""

    version: str
    verb: ApprovalVerb
    form: dict[str, Any] = {}
    reason: str = ""


async def answer_to(session: AsyncSession, task_id: UUID, step: str, round: int) -> Answer[dict[str, Any]] | None:
    """The decision on an earlier asked question, or None when it must be asked (again)."""
    found = await queries.latest_question(session, task_id, step)
    if found is None or found.state in (ApprovalState.PENDING, ApprovalState.CANCELLED):
        return None
    state = ApprovalState(found.state)
    refused = state in (ApprovalState.REJECTED, ApprovalState.EXPIRED)
    if refused and found.round < round:
        return None  # a person has resumed the task since
    return Answer(state, found.answer or {}, found.decided_by or "system", found.reason)


async def ask(session: WriteSession, task: Claimed, question: Question) -> bool:
    """Hold the task on a question and mail those asked, in one transaction. False: the task is not ours any more."""
    held = await tasks.move_tasks(
        session,
        TaskVerb.HOLD,
        (Task.id == task.id) & (Task.attempt == task.attempt),
        to=TaskState(question.hold),
        reason=question.title,
    )
    if not held:
        return False
    owner = await accounts.find_user(session, task.owner_id) if task.owner_id else None
    addresses = question.recipients or ((owner.email,) if owner else ())
    approval_id = uuid7()
    people = [queries.Person(uuid7(), address) for address in _distinct(addresses)]
    await queries.insert_approval(
        session,
        {
            "id": approval_id,
            "task_id": task.id,
            "owner_id": task.owner_id,
            "hold": question.hold.value,
            "step": question.step,
            "round": task.round,
            "title": question.title,
            "shown": question.shown,
            "form": {"fields": msgspec.to_builtins(question.fields)},
            "version": question.version,
            "continues_on_reject": question.continues_on_reject,
            "continues_on_expire": question.continues_on_expire,
            "ttl": question.ttl,
        },
        people,
    )
    for person in people:
        await _mail(session, person.id, person.email, question.hold, task.owner_id, question.title)
    return True


def _distinct(addresses: tuple[str, ...]) -> list[str]:
    return list({address.lower(): address for address in addresses}.values())


async def _mail(
    session: WriteSession, recipient_id: UUID, to: str, hold: HoldType, owner_id: UUID | None, title: str
) -> None:
    template = "approval_request" if hold is HoldType.APPROVAL else "input_needed"
    await mail.send(
        session,
        template=template,
        to=to,
        data={"recipient_id": str(recipient_id)},
        owner_id=owner_id,
        title=f"Ask {to}: {title}",
        priority=MAIL_PRIORITY,
    )


async def decide_by_link(
    session: WriteSession, token_hash: bytes, decision: Decision, *, source: str, now: datetime | None = None
) -> Approval:
    """The holder of a personal link decides. Raises as `_decide` does, and ApprovalNotFound for an unknown link."""
    asked = await queries.by_link(session, token_hash)
    if asked is None:
        raise ApprovalNotFound
    return await _decide(session, asked.approval, decision, by=asked.recipient.email, source=f"link, {source}", now=now)


async def decide_signed_in(
    session: WriteSession,
    by: Principal,
    approval_id: UUID,
    decision: Decision,
    *,
    source: str,
    now: datetime | None = None,
) -> Approval:
    """A signed-in person decides: one of those asked, the owner for input and sign-in, or an admin."""
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFound
    people = await queries.recipients_of(session, [approval_id])
    asked = any(person.email.lower() == by.email.lower() for person in people)
    owns = approval.owner_id == by.id
    if not (asked or owns or by.is_admin):
        raise ApprovalNotFound
    if not (asked or by.is_admin or (owns and approval.hold != HoldType.APPROVAL)):
        raise NotAsked
    return await _decide(session, approval, decision, by=by.email, source=f"signed in, {source}", now=now)


async def _decide(
    session: WriteSession, approval: Approval, decision: Decision, *, by: str, source: str, now: datetime | None
) -> Approval:
    """Close the question and move its task, together.

    Raises:
        Invalid: the verb does not fit the question, or answers are missing.
        AlreadyDecided, QuestionExpired, QuestionChanged: nothing was changed.
    """
    hold = HoldType(approval.hold)
    approving = (ApprovalVerb.APPROVE, ApprovalVerb.REJECT)
    if decision.verb not in (approving if hold is HoldType.APPROVAL else (ApprovalVerb.ANSWER,)):
        raise Invalid("Please choose one of the decisions offered.", {"decision": "Choose one."})
    reason = decision.reason.strip()[:2000] or None
    answer: dict[str, Any] | None = None
    if decision.verb is ApprovalVerb.REJECT:
        if reason is None:
            raise Invalid("Please say why you reject it.", {"reason": "A reason is needed to reject."})
    else:
        answer = forms.read(fields_of(approval), decision.form)
    await queries.lock_task(session, approval.task_id)
    decided = await queries.decide(
        session,
        approval.id,
        decision.verb,
        version=decision.version,
        by=by,
        source=source,
        reason=reason,
        answer=answer,
        now=now,
    )
    if decided is None:
        await _refuse(session, approval.id, decision.version)
        raise QuestionExpired
    await _move_on(session, decided, TaskVerb(decision.verb.value), reason, now=now)
    return decided


async def _refuse(session: AsyncSession, approval_id: UUID, version: str) -> None:
    """Say why a decision did not count."""
    current = await session.get(Approval, approval_id, populate_existing=True)
    if current is None:
        raise ApprovalNotFound
    if current.state == ApprovalState.EXPIRED:
        raise QuestionExpired
    if current.state != ApprovalState.PENDING:
        assert current.decided_at is not None
        raise AlreadyDecided(current.state, current.decided_by or "system", current.decided_at)
    if current.version != version:
        raise QuestionChanged


async def _move_on(
    session: WriteSession, approval: Approval, verb: TaskVerb, reason: str | None, *, now: datetime | None
) -> None:
    """Let the task go on, or end it, after its question was closed."""
    goes_on = (
        verb in (TaskVerb.APPROVE, TaskVerb.ANSWER)
        or (verb is TaskVerb.REJECT and approval.continues_on_reject)
        or (verb is TaskVerb.EXPIRE and approval.continues_on_expire)
    )
    ended = {TaskVerb.REJECT: TaskState.REJECTED, TaskVerb.EXPIRE: TaskState.EXPIRED}
    moved = await tasks.move_tasks(
        session,
        verb,
        Task.id == approval.task_id,
        to=TaskState.QUEUED if goes_on else ended[verb],
        reason=reason,
        priority=(RESUMED_PRIORITY if verb is TaskVerb.ANSWER else APPROVED_PRIORITY) if goes_on else None,
        now=now,
    )
    if not moved:
        raise Conflict("The task went on without this decision, so nothing was changed.")
    await runs.pause_stragglers(session, [row.id for row in moved])
    announce_ready(session, moved)


async def expire_due(session: WriteSession, *, now: datetime | None = None) -> int:
    """The sweeper's beat: questions whose time is over end their tasks, or let them go on without an answer."""
    expired = await queries.expire_due(session, now=now)
    for approval in expired:
        await _move_on(session, approval, TaskVerb.EXPIRE, "Nobody decided in time.", now=now)
    return len(expired)


async def send_fresh_link(session: WriteSession, token_hash: bytes, *, now: datetime | None = None) -> str:
    """Mail a new link to the person of an old one, and to nobody else. Returns their address.

    An expired question is put again, by resuming its task, when the task can still be resumed.

    Raises:
        ApprovalNotFound, AlreadyDecided, TooMany
    """
    asked = await queries.by_link(session, token_hash)
    if asked is None:
        raise ApprovalNotFound
    approval, recipient = asked.approval, asked.recipient
    if approval.state not in (ApprovalState.PENDING, ApprovalState.EXPIRED):
        await _refuse(session, approval.id, approval.version)
    if not await queries.grant_fresh_link(session, recipient.id, most=FRESH_LINKS, now=now):
        raise TooMany("A fresh link is already on its way. Please look at your mail, or wait a minute.", 60)
    if approval.state == ApprovalState.PENDING:
        await _mail(session, recipient.id, recipient.email, HoldType(approval.hold), approval.owner_id, approval.title)
        return recipient.email
    moved = await tasks.move_tasks(
        session,
        TaskVerb.RESUME,
        (Task.id == approval.task_id) & (Task.round == approval.round),
        reason=f"{recipient.email} asked for a fresh link.",
        priority=RESUMED_PRIORITY,
        now=now,
    )
    if not moved:
        raise Conflict("The task has gone on since, so this question is not open any more.")
    await runs.pause_stragglers(session, [row.id for row in moved])
    announce_ready(session, moved)
    return recipient.email


def fields_of(approval: Approval) -> tuple[FormField, ...]:
    return msgspec.convert((approval.form or {}).get("fields", ()), tuple[FormField, ...])


def form_of(form: type[msgspec.Struct] | None, values: msgspec.Struct | None) -> tuple[FormField, ...]:
    return () if form is None else forms.from_struct(form, values)
