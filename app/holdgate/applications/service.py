"""What people do with their applications: say that one was sent by hand, record what came of it, be reminded."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec

from holdgate.applications import queries
from holdgate.applications.copies import ApplicationCopy
from holdgate.applications.errors import ApplicationNotFound, BeingSent, NotSentYet, SentAlready
from holdgate.applications.models import Application
from holdgate.applications.states import (
    APPLICATION_MACHINE,
    ApplicationChannel,
    ApplicationStatus,
    ApplicationVerb,
)
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text import zones
from holdgate.postings import service as postings
from holdgate.tasks import service as tasks
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.run_states import lock_runs_of
from holdgate.tasks.states import UNFINISHED, TaskState, TaskVerb

FOLLOW_UP = "application.follow_up"
UNANSWERED_AFTER = timedelta(days=21)
MOST_NOTES, MOST_LINE = 20_000, 300  # characters
MORNING = time(9)
BY_HAND = "You have sent it by hand."


async def load(session: Session, application_id: UUID, scope: UUID | None) -> Application:
    """Raises ApplicationNotFound, also when it is not that person's. None is everybody's (a Principal's scope)."""
    found = await queries.find_application(session, application_id, scope)
    if found is None:
        raise ApplicationNotFound
    return found


def copy_of(application: Application) -> ApplicationCopy | None:
    """None: made elsewhere."""
    return msgspec.convert(application.copy, ApplicationCopy) if application.copy else None


async def record_sent_by_hand(
    session: WriteSession, by: Principal, application_id: UUID, confirmation: str, *, now: datetime | None = None
) -> None:
    """A person has sent it on the employer's page. Its task ends with that as its receipt, whatever it waited for.

    Args:
        confirmation: the employer's number for it, or "".

    Raises:
        ApplicationNotFound, SentAlready, BeingSent, Invalid
    """
    receipt = _line("confirmation", confirmation)
    found = await load(session, application_id, by.scope)
    task = await _task_at_rest(session, found)
    values = {"channel": ApplicationChannel.BY_HAND, "receipt": receipt, "sent_at": queries.at(now), "reason": ""}
    which = Application.id == application_id
    if not await queries.move(session, ApplicationVerb.SEND, which, values=values, now=now):
        raise SentAlready
    if found.posting_id is not None:
        await postings.mark_applied(session, found.posting_id, found.task_id, now=now)
    if task is not None:
        await _run_to_its_end(session, task)


async def put_aside(
    session: WriteSession, by: Principal, application_id: UUID, reason: str, *, now: datetime | None = None
) -> None:
    """It could not be sent. Its task ends; retried, it is composed and approved anew.

    Raises:
        ApplicationNotFound, SentAlready, BeingSent, Invalid: no reason.
    """
    why = _line("reason", reason)
    if not why:
        raise Invalid("Say why it could not be sent.", {"reason": "Say why it could not be sent."})
    task = await _task_at_rest(session, await load(session, application_id, by.scope))
    if (await load(session, application_id, by.scope)).sent_at is not None:  # perhaps while its task was waited for
        raise SentAlready
    which = Application.id == application_id
    if not await queries.move(session, ApplicationVerb.PUT_ASIDE, which, values={"reason": why}, now=now):
        await queries.change(session, application_id, reason=why)
    if task is None:
        return
    if task.state in UNFINISHED:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == task.id, reason=f"Put aside: {why}")
    elif task.state == TaskState.DEAD_LETTER and task.resolved_at is None:
        await tasks.resolve(session, by, task.id, f"Put aside: {why}"[: tasks.MOST_NOTE])


async def _task_at_rest(session: WriteSession, application: Application) -> Task | None:
    """Its task, locked. Raises BeingSent: a worker has it."""
    if application.task_id is None:
        return None
    await lock_runs_of(session, [application.task_id])
    task = await moves.lock_task(session, application.task_id)
    if task is not None and task.state == TaskState.RUNNING:
        raise BeingSent
    return task


async def _run_to_its_end(session: WriteSession, task: Task) -> None:
    """Let the handler find what a person has said, and return it as the task's result. What was asked closes. A task of
    a cancelled run stays cancelled."""
    which = Task.id == task.id
    if task.state in UNFINISHED:
        await moves.move_tasks(session, TaskVerb.CANCEL, which, reason=BY_HAND)
    if (await lock_runs_of(session, [task.id])).cancelled:
        return
    for verb in (TaskVerb.RETRY, TaskVerb.RESUME):
        moved = await moves.move_tasks(session, verb, which, reason=BY_HAND)
        tasks.announce_ready(session, moved)


async def take_back_elsewhere(session: WriteSession, by: Principal, posting_id: UUID) -> None:
    """A posting was marked as applied elsewhere by mistake. Raises as `postings.unmark_applied_elsewhere`."""
    await postings.unmark_applied_elsewhere(session, by, posting_id)
    reminders = await queries.reminders_elsewhere(session, by.id, posting_id)
    if reminders:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id.in_(reminders), reason="Not applied for after all.")
    await queries.forget_elsewhere(session, by.id, posting_id)


async def record(
    session: WriteSession,
    by: Principal,
    application_id: UUID,
    status: ApplicationStatus,
    *,
    now: datetime | None = None,
) -> None:
    """What came of it. Raises ApplicationNotFound, NotSentYet; Invalid: a status that a person does not record."""
    if status not in APPLICATION_MACHINE.moves[ApplicationVerb.RECORD].targets:
        sentence = "Only sent, replied, interview, offer, rejected and no_answer can be recorded."
        raise Invalid(sentence, {"status": sentence})
    found = await load(session, application_id, by.scope)
    if not APPLICATION_MACHINE.allows(ApplicationVerb.RECORD, ApplicationStatus(found.status)):
        raise NotSentYet
    await queries.move(session, ApplicationVerb.RECORD, Application.id == application_id, to=status, now=now)


async def note(
    session: WriteSession, by: Principal, application_id: UUID, *, contact: str | None, notes: str | None
) -> None:
    """None leaves one as it is. Raises ApplicationNotFound, Invalid."""
    found = await load(session, application_id, by.scope)
    if notes is not None and len(notes) > MOST_NOTES:
        sentence = f"At most {MOST_NOTES:,} characters."
        raise Invalid(sentence, {"notes": sentence})
    await queries.change(
        session,
        application_id,
        contact=found.contact if contact is None else _line("contact", contact),
        notes=found.notes if notes is None else notes.replace("\0", "").strip(),
    )


async def follow_up(session: WriteSession, by: Principal, application_id: UUID, day: date | None) -> None:
    """Be reminded of it on the morning of a day, by a task that asks what came of it; None: not any more.

    Raises:
        ApplicationNotFound, NotSentYet; Invalid: a day that is over.
    """
    await queries.alone(session, f"follow-up {application_id}")  # or the reminder of one would be of neither
    found = await load(session, application_id, by.scope)
    if found.sent_at is None:
        raise NotSentYet
    if found.follow_up_task_id is not None:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == found.follow_up_task_id, reason="Another day.")
    values: dict[str, Any] = {"follow_up_at": None, "follow_up_task_id": None}
    if day is not None:
        moment = datetime.combine(day, MORNING, zones.shown())
        if moment.date() < (await queries.database_time(session)).astimezone(zones.shown()).date():
            sentence = "Choose today, or a day to come."
            raise Invalid(sentence, {"day": sentence})
        values = {"follow_up_at": moment, "follow_up_task_id": await _remind(session, found, moment)}
    await queries.change(session, application_id, **values)


async def _remind(session: WriteSession, application: Application, at: datetime) -> UUID:
    return await tasks.enqueue(
        session,
        tasks.TaskRequest(
            kind=FOLLOW_UP,
            payload={"application_id": str(application.id)},
            owner_id=application.owner_id,
            title=f"Follow up: {application.title} — {application.company}",
            run_at=at,
        ),
    )


async def lapse(session: WriteSession, *, limit: int, now: datetime | None = None) -> int:
    """Applications of which nothing was heard for three weeks stand so. Returns how many."""
    old = await queries.older_than(session, ApplicationStatus.SENT, UNANSWERED_AFTER, limit, now=now)
    if not old:
        return 0
    which = Application.id.in_(old)
    return len(await queries.move(session, ApplicationVerb.LAPSE, which, now=now))


def _line(name: str, text: str) -> str:
    found = " ".join(text.replace("\0", "").split())
    if len(found) > MOST_LINE:
        sentence = f"At most {MOST_LINE} characters."
        raise Invalid(sentence, {name: sentence})
    return found
