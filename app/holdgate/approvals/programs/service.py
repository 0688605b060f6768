"""Asking people for a program, and cancelling what it asked. Every rule about who may ask what is enforced here."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts.tokens import personal
from holdgate.approvals import blocks, choices, forms
from holdgate.approvals.blocks import BadBlock
from holdgate.approvals.choices import Choices, Option
from holdgate.approvals.errors import ApprovalNotFound, NotAsked, QuestionExpired, QuestionImpossible
from holdgate.approvals.forms import FormField
from holdgate.approvals.models import Approval
from holdgate.approvals.programs import form_schema, queries
from holdgate.approvals.programs.question import KIND, STEP, AskedTask, ProgramQuestion
from holdgate.approvals.requests import requesting
from holdgate.approvals.requests.deciding import refuse
from holdgate.approvals.rules import events, recipient_queries
from holdgate.approvals.rules import queries as approval_queries
from holdgate.approvals.rules.access import owns
from holdgate.approvals.states import ApprovalState
from holdgate.approvals.values import SUGGESTED, Question, escalation_of, pace_of
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict, Invalid, TooMany
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address
from holdgate.core.text.shape import shape_problem
from holdgate.core.text.visible import is_blank
from holdgate.groups import service as groups
from holdgate.groups.errors import GroupNotFound
from holdgate.groups.names import name_in
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState, TaskVerb
from holdgate.webhooks import service as webhooks

SHORTEST = timedelta(seconds=3)  # a personal link takes no answer in its first two
LONGEST = timedelta(days=90)
LONGEST_TAKE_BACK = timedelta(days=7)
MOST_SHOWN = 256 * 1024  # bytes of `show` as JSON: a page that somebody reads
MOST_METADATA = 16 * 1024
Unknown: TypeAlias = Mapping[str, GroupNotFound]
OPEN_AGAIN = 60  # seconds after which it is worth asking again, while too many are open


class NewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a program wants to know, as it was sent. `recipients`: addresses and groups; its person, when empty.
    `needed`: how many people, or how many of which group."""

    title: str
    show: dict[str, Any] | list[Any] = {}
    form: dict[str, Any] | None = None
    values: dict[str, Any] = {}
    options: Sequence[Option] = ()
    request_changes: bool = False
    recipients: Sequence[str] = ()
    needed: int | dict[str, int] = 1
    level: Literal["link", "sign-in"] = "link"
    ttl: timedelta | Literal["suggested"] | None = None
    clock: Literal["wall", "working"] = "wall"
    urgent: bool = False
    take_back: timedelta | None = None
    on_expire: str = "stop"
    callback_url: str = ""
    metadata: dict[str, Any] = {}
    dedupe: bool = False


class AskedNow(NamedTuple):
    """`made`: False for an open one that was there. `secret`: signs what its callback is sent."""

    approval: Approval
    made: bool
    secret: str | None = None


class _Asking(NamedTuple):
    """The task that holds, as approvals/requests/requesting.py wants it."""

    id: UUID
    kind: str
    run_id: UUID | None
    owner_id: UUID | None
    round: int


async def ask(session: WriteSession, by: Principal, wanted: NewRequest, settings: Settings) -> AskedNow:
    """Put a request to people, with a task that holds on it from its beginning: no worker has to run first.

    Raises:
        Invalid: by field; nothing was stored.
        TooMany: open requests, or requests within an hour.
    """
    asked = await _checked(session, by, wanted, settings)
    await queries.take_turn(session, by.asker_id)
    if wanted.dedupe and (same := await queries.find_open(session, by.asker_id, asked.digest)):
        return AskedNow(same, False)
    await _check_limits(session, by, settings)
    task_id = await enqueue(
        session,
        TaskRequest(kind=KIND, payload=AskedTask(asked.title, asked.asker), title=asked.title, owner_id=by.id),
        state=TaskState.PENDING_APPROVAL,
    )
    await queries.insert_request(session, task_id, asked, wanted.metadata, calls_back=bool(wanted.callback_url))
    secret = await _callback(session, by, wanted.callback_url, task_id, settings) if wanted.callback_url else None
    task = _Asking(task_id, KIND, None, by.id, 0)
    try:
        approval_id = await requesting.open_request(
            session, task, asked.question, signup=settings.signup, pace=pace_of(settings)
        )
    except QuestionImpossible as problem:  # of the people in groups, and of files that a task would have to keep
        place = "show" if blocks.files_of(wanted.show) else "recipients"
        raise Invalid(str(problem), {place: str(problem)}) from None
    return AskedNow(await session.get_one(Approval, approval_id), True, secret)


async def _callback(session: WriteSession, by: Principal, url: str, task_id: UUID, settings: Settings) -> str:
    try:
        return await webhooks.create_callback(session, by, url, task_id, settings)
    except Invalid as problem:
        raise Invalid(str(problem), {"callback_url": problem.fields.get("url", str(problem))}) from None


async def _check_limits(session: WriteSession, by: Principal, settings: Settings) -> None:
    most = settings.approval_requests_open
    if await queries.count_open(session, by.asker_id, most=most) >= most:
        raise TooMany(
            f"This program has {most} open requests, the maximum. Wait for decisions, or cancel some.",
            OPEN_AGAIN,
        )
    wait = await queries.next_hour(session, by.asker_id, most=settings.approval_requests_per_hour)
    if wait is not None:
        raise TooMany(
            f"This program has asked {settings.approval_requests_per_hour} times within an hour, the maximum.",
            max(1, round(wait.total_seconds())),
        )


async def _checked(session: WriteSession, by: Principal, wanted: NewRequest, settings: Settings) -> ProgramQuestion:
    """Raises Invalid: with everything that does not fit, by field."""
    problems: dict[str, str] = {}
    if is_blank(wanted.title):
        problems["title"] = "Say in one line that can be seen what will be done."
    for name, value, most in (("show", wanted.show, MOST_SHOWN), ("metadata", wanted.metadata, MOST_METADATA)):
        if problem := _size_problem(value, most):
            problems[name] = problem
    if isinstance(wanted.show, list) and "show" not in problems:
        try:
            blocks.read(wanted.show)
        except BadBlock as bad:
            problems |= bad.fields
    unknown = await groups.unknown_among(session, _groups_in(wanted))
    recipients = _recipients(wanted.recipients, unknown, problems)
    if not recipients and isinstance(wanted.needed, int):
        recipients = [by.email]
    ttl = wanted.ttl if isinstance(wanted.ttl, timedelta) else settings.approval_ttl
    take_back = settings.approval_take_back if wanted.take_back is None else wanted.take_back
    if (ttl is wanted.ttl or wanted.clock == "working") and not SHORTEST <= ttl <= LONGEST:
        problems["ttl"] = f"From {SHORTEST.seconds} seconds to {LONGEST.days} days."
    if wanted.take_back is not None and not timedelta() <= take_back <= LONGEST_TAKE_BACK:
        problems["take_back"] = f"From 0 to {LONGEST_TAKE_BACK.days} days."
    options = tuple(wanted.options)
    try:
        choices.check(options, needed=1 if wanted.needed == 1 else 2)
    except QuestionImpossible as problem:
        problems["options"] = f"This request {problem}."
    _check_escalation(wanted.on_expire, unknown, problems)
    _check_needed(recipients, wanted.needed, unknown, problems)
    fields = form_schema.read(wanted.form, wanted.values, problems)
    if wanted.needed != 1 and not problems:
        _check_complete(fields, problems)
    if problems:
        raise Invalid("The request is invalid. Nobody was asked.", problems)
    return ProgramQuestion(
        title=wanted.title.strip(),
        show=wanted.show,
        fields=fields,
        choices=Choices(options, wanted.request_changes),
        recipients=tuple(recipients),
        needed=wanted.needed,
        level=wanted.level,
        ttl=ttl,
        suggested_ttl=wanted.ttl == SUGGESTED,
        clock=wanted.clock,
        urgent=wanted.urgent,
        take_back=take_back,
        on_expire=wanted.on_expire,
        asker=await _name(session, by),
        asker_id=by.asker_id,
    )


def _size_problem(value: Any, most: int) -> str | None:
    if (size := len(msgspec.json.encode(value))) > most:
        return f"It has {size:,} bytes as JSON, and at most {most:,} are shown. Put the rest behind a link."
    return shape_problem(value)


def _groups_in(wanted: NewRequest) -> set[str]:
    named = {name_in(each) for each in (*wanted.recipients, wanted.on_expire.removeprefix("escalate:"))}
    named |= set(wanted.needed) if isinstance(wanted.needed, dict) else set()
    return {name for name in named if name}


def _recipients(given: Sequence[str], unknown: Unknown, problems: dict[str, str]) -> list[str]:
    found = []
    for number, text in enumerate(given):
        group = name_in(text)
        try:
            found.append(checked_address(text) if group is None else text)
        except BadAddress as problem:
            problems[f"recipients[{number}]"] = str(problem)
        if group and group in unknown:
            problems[f"recipients[{number}]"] = str(unknown[group])
    return found


def _check_escalation(on_expire: str, unknown: Unknown, problems: dict[str, str]) -> None:
    try:
        group = escalation_of(STEP, on_expire)
    except QuestionImpossible as problem:
        problems["on_expire"] = str(problem)
        return
    if group and group in unknown:
        problems["on_expire"] = str(unknown[group])


def _check_needed(
    recipients: list[str], needed: int | dict[str, int], unknown: Unknown, problems: dict[str, str]
) -> None:
    """Whether there are enough, as far as it is known without who is in which group (requests/resolving.py)."""
    if isinstance(needed, dict):
        problems |= {f"needed.{name}": str(unknown[name]) for name in needed if name in unknown}
        return
    people = len({canonical_address(each) for each in recipients})
    if needed > people and not any(map(name_in, recipients)):
        problems.setdefault(
            "needed", f"{needed} approvals are required but there are only {people} approvers. Add approvers."
        )


def _check_complete(fields: tuple[FormField, ...], problems: dict[str, str]) -> None:
    """Several people agree on the same, so it has to be there to be approved as it is."""
    try:
        forms.read(fields, {field.name: field.value for field in fields})
    except Invalid as problem:
        problems |= {
            f"values.{name}": f"Several people decide on the same form, so it must be complete. {sentence}"
            for name, sentence in problem.fields.items()
        }


async def _name(session: WriteSession, by: Principal) -> str:
    """What people are told of the program: its token's name, or its person's where there is none."""
    name = await personal.name_of(session, by.id, by.token_id) if by.token_id else ""
    return name or (by.name or by.email if by.by_program else "Test request")


async def question_of(session: AsyncSession, task_id: UUID) -> Question:
    """What a program has put to people by this task."""
    return (await queries.load_asked(session, task_id)).question


async def cancel(session: WriteSession, by: Principal, approval_id: UUID) -> Approval:
    """Withdraw an open request: for the program that asked, its person, and administrators.

    Raises:
        ApprovalNotFound; NotAsked: for those who were only asked.
        AlreadyDecided, QuestionExpired; Conflict: a handler asks.
    """
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFound
    if not (owns(approval, by) or by.is_admin):
        people = await recipient_queries.recipients_of(session, [approval_id])
        if by.asks_only or all(person.email.lower() != by.email.lower() for person in people):
            raise ApprovalNotFound
        raise NotAsked("Only the requester can cancel this. You can reject it.")
    if approval.asker_id is None:
        raise Conflict("A task requested this. Cancel the task instead.")
    await approval_queries.lock_task(session, approval.task_id)
    await session.refresh(approval)
    if approval.state != ApprovalState.PENDING:
        await refuse(session, approval_id, approval.version)
        raise QuestionExpired
    await tasks.move_tasks(session, TaskVerb.CANCEL, Task.id == approval.task_id, reason="Cancelled by the requester.")
    await events.record(session, approval_id, "cancel", by.email)
    await session.refresh(approval)
    return approval
