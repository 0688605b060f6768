"""One task's story in order: its changes of state and how long each took, its steps, what other features tell of it.

The queue knows no feature: those that have something to tell say so in their `feature.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked
from holdgate.core.text.verbs import past
from holdgate.feature import parts
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.reason_links import source_of, spoken

MOST = 500  # of the newest events
# Which stage a task was in until the event, in words; by the state it left.
_STAGES = {
    "queued": "queued",
    "scheduled": "scheduled",
    "retrying": "waited",
    "paused": "paused",
    "running": "ran",
    "pending_approval": "on hold",
    "needs_input": "on hold",
    "needs_auth": "on hold",
}
# An event as a sentence, by its verb and the state it led to, or by its verb alone.
_SENTENCES: dict[str | tuple[str, str], str] = {
    ("enqueue", "queued"): "Queued",
    ("enqueue", "scheduled"): "Scheduled",
    ("enqueue", "paused"): "Created in a paused run",
    ("hold", "pending_approval"): "Waiting for approval",
    ("hold", "needs_input"): "Waiting for input",
    ("hold", "needs_auth"): "Waiting for a sign-in",
    ("approve", "scheduled"): "Approved; can still be undone",
    ("reject", "queued"): "Rejected; the task continues",
    ("expire", "queued"): "Nobody decided in time; the task continues",
    ("unpause", "scheduled"): "Resumed with its run; scheduled",
    "claim": "Attempt {attempt} started",
    "succeed": "Succeeded",
    "retry_later": "Attempt failed, retrying",
    "bury": "Failed permanently",
    "snooze": "Scheduled for later",
    "requeue": "Requeued",
    "promote": "Requeued",
    "pause": "Paused with its run",
    "unpause": "Resumed with its run",
    "approve": "Approved",
    "answer": "Answered",
    "take_back": "Approval undone",
    "reject": "Rejected",
    "request_changes": "Changes requested",
    "expire": "Expired: nobody decided in time",
    "retry": "Retried",
    "resume": "Resumed",
    "cancel": "Cancelled",
    "resolve": "Marked resolved",
    "reopen": "Reopened",
    "delete": "Deleted",
}


class ValueChange(msgspec.Struct, frozen=True):
    """A value of the payload that a person changed; None: there was, or is, none."""

    path: str
    before: Any = None
    after: Any = None


class TimelineEntry(msgspec.Struct, frozen=True):
    """A point of the timeline. `took`: how long what ended here had lasted, `stage` says what it was."""

    at: datetime
    title: str
    state: str | None
    actor: str
    detail: str
    stage: str = ""
    took: timedelta | None = None
    link: tuple[str, str] | None = None  # where to, and its text
    changes: Sequence[ValueChange] = ()
    error: Any = None
    since: timedelta | None = None  # after the task's creation
    # Of another feature: it tells more of the same than the queue's own event with this verb, of the same transaction.
    instead_of: str = ""


class TimelineParts(msgspec.Struct, frozen=True):
    """What a feature tells: happenings, other pages that the task belongs to as (what, where, name), and pages on which
    something can be done about it as (where, words)."""

    happenings: Sequence[TimelineEntry] = ()
    links: Sequence[tuple[str, str, str]] = ()
    actions: Sequence[tuple[str, str]] = ()


Teller = Callable[[AsyncSession, Task], Awaitable[TimelineParts]]


class Story(msgspec.Struct, frozen=True):
    """`cut`: older events than the newest 500 are not among them. `because`: what the task's reason leads to."""

    happenings: list[TimelineEntry]
    links: list[tuple[str, str, str]]
    cut: bool
    because: tuple[str, str] | None = None
    actions: Sequence[tuple[str, str]] = ()


async def story_of(
    session: AsyncSession, task: Task, events: Sequence[TaskEvent], steps: Sequence[TaskStep], by: Principal
) -> Story:
    """Oldest first, as `by` may follow its links.

    Args:
        events: the newest of the task, one more than MOST if there are.
    """
    tellers: Sequence[Teller] = parts("timeline")
    told = [await tell(session, task) for tell in tellers]
    others = [happening for each in told for happening in each.happenings]
    # What another feature tells better stands where the queue's own event would.
    better = {(each.at, each.instead_of): each for each in others if each.instead_of}
    own = []
    because = None
    for event, line in _lines(events[-MOST:], by):
        because = line.link if event.reason == task.reason else because
        instead = better.pop((event.at, event.verb), None)
        if instead is not None:
            others.remove(instead)
            line = msgspec.structs.replace(instead, stage=line.stage, took=line.took)
        own.append(line)
    made = [
        TimelineEntry(step.finished_at, f"Step “{step.name}” completed", "succeeded", "", f"attempt {step.attempt}")
        for step in steps
    ]
    # Stable: of one instant the queue's own event comes last, as it does in the transaction.
    lines = sorted([*made, *others, *own], key=lambda line: line.at)
    lines = [msgspec.structs.replace(line, since=line.at - task.created_at) for line in lines]
    links = [link for each in told for link in each.links]
    actions = [action for each in told for action in each.actions]
    return Story(lines, links, len(events) > MOST, because, actions)


def _lines(events: Sequence[TaskEvent], by: Principal) -> list[tuple[TaskEvent, TimelineEntry]]:
    found = []
    entered: datetime | None = None  # when it came into the state it is in
    for event in events:
        moved = event.from_state != event.to_state
        left = event.from_state if moved and entered is not None else None
        found.append((event, _line(event, event.at - entered if left and entered else None, by)))
        if moved:
            entered = event.at
    return found


def _line(event: TaskEvent, took: timedelta | None, by: Principal) -> TimelineEntry:
    stage = _STAGES.get(event.from_state or "", "") if took is not None else ""
    # What somebody else has done to many is their page.
    link = source_of(event.reason or "") if by.is_admin or event.actor == by.actor else None
    title, detail, changes, error = _words(event, "" if link else spoken(event.reason or ""))
    return TimelineEntry(
        at=event.at,
        title=title,
        state=event.to_state,
        actor=event.actor,
        detail=detail,
        stage=stage,
        took=took if stage else None,
        link=link,
        changes=changes,
        error=error,
    )


def _words(event: TaskEvent, reason: str) -> tuple[str, str, list[ValueChange], Any]:
    """Title, detail, changes of the payload, and the error of a failed attempt."""
    data = event.data if isinstance(event.data, dict) else {}
    if event.verb == "prioritise" and data:
        return f"Priority changed from {data.get('from')} to {data.get('to')}", reason, [], None
    title, detail = _sentence(event, reason)
    if "payload" in data:
        changes = [ValueChange(each.get("path", ""), each.get("before"), each.get("after")) for each in data["payload"]]
        return f"{title} with an edited payload", detail, changes, None
    failed = event.to_state in ("retrying", "dead_letter") and event.verb in ("retry_later", "bury") and data
    return title, detail, [], masked(data) if failed else None


def _sentence(event: TaskEvent, reason: str) -> tuple[str, str]:
    """The title, and what it leaves of the reason: “Attempt 1 of 3 failed: …” has the title in it already."""
    if event.verb == "retry_later" and reason.startswith("Attempt ") and ": " in reason:
        head, _, rest = reason.partition(": ")
        return f"{head}, retrying", rest
    found = _SENTENCES.get((event.verb, event.to_state or "")) or _SENTENCES.get(event.verb)
    title = (found or past(event.verb).capitalize()).format(attempt=event.attempt)
    return title, "" if event.verb in ("pause", "expire") and reason.startswith(("Its run", "Nobody")) else reason
