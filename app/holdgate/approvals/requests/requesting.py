"""Putting questions to people: a task holds, those asked get a mail with a link of their own, or a fresh one."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from holdgate.approvals import blocks, versions
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.figures import answers
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import resolving
from holdgate.approvals.requests.deciding import refuse
from holdgate.approvals.rules import queries, recipient_queries
from holdgate.approvals.rules.access import holder_of
from holdgate.approvals.rules.recipient_queries import AskedBefore, PersonMail
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.approvals.values import PACE, ApprovalPace, AskOutcome, Question
from holdgate.approvals.versions import AskingTask
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict, TooMany
from holdgate.core.ids import uuid7
from holdgate.mail import service as mail
from holdgate.tasks import artifacts
from holdgate.tasks.models import Task
from holdgate.tasks.payloads.artifact import StoredArtifact
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.claims import Claimed
from holdgate.tasks.queue.run_states import lock_runs_of
from holdgate.tasks.queue.steps import still_runs
from holdgate.tasks.service import TaskRequest, announce_ready, checked, enqueue
from holdgate.tasks.states import RESUMED_PRIORITY, TaskVerb

FRESH_LINKS = 5  # mails one person can ask for about one question
MAIL_PRIORITY = 300  # ahead of every other mail: twenty minutes are short


async def wait_for_undo(session: WriteSession, task: Claimed, approval: Approval) -> bool:
    """Put the task back to sleep while its approval can still be undone; True if so.

    It comes here before that time when somebody cancels and retries it: that must not take the time away.
    """
    if approval.goes_on_at is None or not await queries.is_to_come(session, approval.goes_on_at):
        return False
    moved = await tasks.move_tasks(
        session,
        TaskVerb.SNOOZE,
        (Task.id == task.id) & (Task.attempt == task.attempt),
        reason="It waits until its approval can’t be undone any more.",
        delay=approval.take_back,
        now=approval.decided_at,  # so that it is the very moment which undoing looks for
    )
    return bool(moved)


async def ask(
    session: WriteSession,
    task: Claimed,
    question: Question,
    before: Approval | None,
    *,
    signup: str = "open",
    pace: ApprovalPace = PACE,
) -> AskOutcome:
    """Hold the task on a question and mail those asked whose turn it is. All is written by one statement, so a session
    of `write_one` does.

    Args:
        before: what the step has asked last.
        signup: the setting SIGNUP; where signing in is required, who may not do so is not mailed.

    Raises:
        QuestionImpossible: more people must agree than are asked, or it changes each time.
    """
    try:
        return await _put(session, task, question, before, uuid7(), task.attempt, signup, pace)
    except QuestionImpossible:
        if await still_runs(session, task.id, task.attempt):
            raise
        return AskOutcome.LOST  # who has it now is told what is wrong


async def open_request(
    session: WriteSession,
    task: AskingTask,
    question: Question,
    *,
    signup: str = "open",
    pace: ApprovalPace = PACE,
) -> UUID:
    """Put the first question of a task that holds already in this transaction. Returns the request's id. Args and
    Raises as of `ask`."""
    approval_id = uuid7()
    outcome = await _put(session, task, question, None, approval_id, None, signup, pace)
    assert outcome is AskOutcome.ASKED, outcome
    return approval_id


async def _put(
    session: WriteSession,
    task: AskingTask,
    question: Question,
    before: Approval | None,
    approval_id: UUID,
    attempt: int | None,
    signup: str,
    pace: ApprovalPace,
) -> AskOutcome:
    """What is read is the task's own, which only this attempt changes, and people as they are at this moment."""
    await _check_files(session, task, question)
    if question.suggested_ttl and question.ttl is not None:
        ttl = await answers.suggested_ttl(session, task.kind, question.ttl)
        question = msgspec.structs.replace(question, ttl=ttl)
    change = await versions.change_of(session, task, question, before)
    asked = await resolving.resolve(session, task, question, signup)
    mails = [
        PersonMail(one.id, checked(_letter(one.id, one.email, question.hold, task.owner_id, question.title)))
        for one in asked.people
        if one.state == "waiting"
    ]
    return await recipient_queries.ask(
        session,
        _columns(approval_id, task, question, changed=change.changed),
        asked.people,
        attempt=attempt,
        told=asked.told,
        mails=mails,
        before=AskedBefore(before.id if before else None, change.replaces),
        pace=pace.at_once,
        few=pace.digest_after,
    )


def _columns(approval_id: UUID, task: AskingTask, question: Question, *, changed: bool) -> dict[str, Any]:
    return {
        "id": approval_id,
        "task_id": task.id,
        "owner_id": task.owner_id,
        "hold": question.hold.value,
        "step": question.step,
        "round": task.round,
        "title": question.title,
        "shown": question.shown,
        "form": {"fields": question.fields},
        "choices": question.choices,
        "version": question.version,
        "needed": question.votes_needed,
        "needed_by": question.needed_by or None,
        "self_approval": question.self_approval,
        "level": question.level,
        "asks_others": question.hold is not HoldType.APPROVAL and bool(question.recipients),
        "continues_on_reject": question.continues_on_reject,
        "continues_on_expire": question.continues_on_expire,
        "escalates_to": question.escalates_to,
        "ttl": question.ttl,
        "clock": question.clock,
        "urgent": question.urgent,
        "take_back": question.take_back,
        # What has changed is decided alone, with the changes in sight.
        "alike": None if changed else question.alike(task.run_id, task.kind),
        "asker": question.asker.name if question.asker else None,
        "asker_id": question.asker.id if question.asker else None,
    }


async def _check_files(session: WriteSession, task: AskingTask, question: Question) -> None:
    """What people open must be what the task keeps, and no file of anybody else's."""
    in_form = [each.value for each in question.fields if each.type == "file" and each.value]
    shown = [*blocks.files_of(question.shown), *msgspec.convert(in_form, list[StoredArtifact])]
    kept = {(file.id, file.sha256) for file in await artifacts.artifacts_of(session, task.id)} if shown else set()
    for file in shown:
        if (file.id, file.sha256) not in kept:
            raise QuestionImpossible(
                f"The approval request {question.step!r} shows the file {file.name!r}, which the task does not keep. "
                "Show what ctx.artifact returned, and let no later one replace it."
            )


async def mail_question(
    session: WriteSession, recipient_id: UUID, to: str, hold: HoldType, owner_id: UUID | None, title: str
) -> None:
    await enqueue(session, _letter(recipient_id, to, hold, owner_id, title))


def _letter(recipient_id: UUID, to: str, hold: HoldType, owner_id: UUID | None, title: str) -> TaskRequest:
    return mail.request(
        template="approval_request" if hold is HoldType.APPROVAL else "input_needed",
        to=to,
        data={"recipient_id": str(recipient_id)},
        owner_id=owner_id,
        title=f"Ask {to}: {title}",
        priority=MAIL_PRIORITY,
    )


async def send_fresh_link(session: WriteSession, token_hash: bytes, *, now: datetime | None = None) -> str:
    """Mail a new link to the person of an old one, and to nobody else. Returns their address.

    An expired question is put again, by resuming its task, when the task can still be resumed.

    Raises:
        ApprovalNotFound, AccessEnded, AlreadyDecided, TooMany
        Conflict: its task has gone on, or its run was cancelled.
    """
    asked = await holder_of(session, token_hash)
    # Its run and the task first, as everywhere. Whoever is expiring or deciding it has finished then.
    in_cancelled_run = bool((await lock_runs_of(session, [asked.task.id])).cancelled)
    await queries.lock_task(session, asked.task.id)
    asked = await holder_of(session, token_hash)
    approval, recipient = asked.approval, asked.recipient
    if approval.state not in (ApprovalState.PENDING, ApprovalState.EXPIRED):
        await refuse(session, approval.id, approval.version)
    if not await recipient_queries.grant_fresh_link(session, recipient.id, most=FRESH_LINKS, now=now):
        raise TooMany("A new link is already on its way. Check your email, or wait a minute.", 60)
    if approval.state == ApprovalState.PENDING:
        await mail_question(
            session, recipient.id, recipient.email, HoldType(approval.hold), approval.owner_id, approval.title
        )
        return recipient.email
    if recipient.forwarded_from is not None:
        # The handler asks those it named; whom they pass it on to is theirs to say again.
        raise Conflict("A colleague delegated this to you. They can reopen the request.")
    if in_cancelled_run:
        raise Conflict("The run that this question belongs to was cancelled, so it is not open any more.")
    moved = await tasks.move_tasks(
        session,
        TaskVerb.RESUME,
        (Task.id == approval.task_id) & (Task.round == approval.round),
        reason=f"{recipient.email} requested a new link.",
        priority=RESUMED_PRIORITY,
        now=now,
    )
    if not moved:
        raise Conflict("The task has gone on since, so this question is not open any more.")
    announce_ready(session, moved)
    return recipient.email
