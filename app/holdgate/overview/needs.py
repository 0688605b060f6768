"""What needs a person now, the most pressing first: one line each, with the page where it is seen to."""

from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from holdgate.approvals.requests import inbox as approvals
from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.core.principal import Principal
from holdgate.schedules import service as schedules
from holdgate.stats.counts import CountsByKind
from holdgate.tasks.queue import orphans
from holdgate.tasks.queues import QueueLine
from holdgate.tasks.search.lists import LivingWorker
from holdgate.tasks.states import TaskState
from holdgate.webhooks import service as webhooks

SHOWN = 4  # questions, and kinds that nobody serves; the others are in the inbox and at the workers


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is its look and `word` what the look says; `until` is its deadline. `key` names the line in the page."""

    key: str
    state: str
    word: str
    text: str
    href: str
    note: str = ""
    until: datetime | None = None


async def needs_of(
    session: Session,
    by: Principal,
    settings: Settings,
    *,
    counts: CountsByKind,
    workers: list[LivingWorker],
    queues: list[QueueLine],
) -> list[Need]:
    """Four statements at most; the rest is known already."""
    return [
        *await _questions(session, by),
        *_dead(counts),
        *_unserved(counts, workers),
        *await _stuck(session, by, settings),
        *await _late(session, by),
        *await _webhooks(session, by),
        *_paused(queues),
    ]


async def _questions(session: Session, by: Principal) -> list[Need]:
    waiting = await approvals.next_waiting(session, by, SHOWN)
    found = [
        Need(
            key=f"question-{row.id}",
            state="needs_input" if row.owes_reply else row.hold,
            word="Reply needed" if row.owes_reply else "",
            text=row.title,
            href=f"/approvals/{row.id}",
            note=row.task_title if row.task_title != row.title else "",
            until=row.expires_at,
        )
        for row in waiting.rows
    ]
    if (more := waiting.total - len(found)) > 0:
        text = f"{_number(more, 'more request', 'more requests')} waiting for you"
        found.append(Need(key="questions", state="pending_approval", word="Inbox", text=text, href="/approvals"))
    return found + _undelivered(waiting.undelivered)


def _undelivered(n: int) -> list[Need]:
    text = f"{_number(n, 'request', 'requests')} could not be delivered"
    return _when(n, "undelivered", "undelivered", "Undelivered", text, "/approvals?show=all", "deadline paused")


def _dead(counts: CountsByKind) -> list[Need]:
    by_kind: dict[str, int] = {}
    for (_, kind), states in counts.items():
        by_kind[kind] = by_kind.get(kind, 0) + states.get(TaskState.DEAD_LETTER, 0)
    n = sum(by_kind.values())
    most, kind = max(((dead, kind) for kind, dead in by_kind.items()), default=(0, ""))
    share = "all" if most == n else f"{most:,}"
    note = f"{share} {kind}" if n > 1 else ""
    return _when(n, "dead", "dead_letter", "", _number(n, "failed task", "failed tasks"), "/dead-letters", note)


def _unserved(counts: CountsByKind, workers: list[LivingWorker]) -> list[Need]:
    lines = orphans.orphans(counts, workers)
    n = sum(line.n for line in lines)
    if n and all(item.state == "lost" for item in workers):
        text = f"No workers running; {_number(n, 'task', 'tasks')} queued"
        return [Need(key="orphans", state="lost", word="No worker", text=text, href="/workers", note="start a worker")]
    found = [
        Need(
            key=f"orphan-{line.queue}-{line.kind}",
            state="lost",
            word="No worker",
            text=f"No worker for {line.queue} / {line.kind}",
            href="/tasks?" + urlencode({"state": "queued", "queue": line.queue, "kind": line.kind}),
            note=_number(line.n, "task queued", "tasks queued"),
        )
        for line in lines[:SHOWN]
    ]
    n = sum(line.n for line in lines[SHOWN:])
    text = f"{_number(n, 'more task', 'more tasks')} without a worker"
    return found + _when(n, "orphans", "lost", "No worker", text, "/workers", "see Workers")


async def _stuck(session: Session, by: Principal, settings: Settings) -> list[Need]:
    n = await orphans.count_stuck(session, settings.stuck_timeout) if by.is_admin else 0
    text = f"{_number(n, 'task', 'tasks')} may be stuck"
    return _when(n, "stuck", "running", "Running", text, "/tasks?state=running&mail=with", "running too long")


async def _late(session: Session, by: Principal) -> list[Need]:
    n = await schedules.count_late(session, by)
    text = _number(n, "schedule is overdue", "schedules are overdue")
    return _when(n, "late", "expired", "Overdue", text, "/schedules", "no worker started it")


async def _webhooks(session: Session, by: Principal) -> list[Need]:
    failing = await webhooks.failing(session, by)
    found: list[UUID] = [each.id for each in failing]
    href = f"/settings/webhooks/{found[0]}" if len(found) == 1 else "/settings/webhooks"
    text = f"{_number(len(found), 'webhook', 'webhooks')} failing"
    return _when(len(found), "webhooks", "failed", "Failing", text, href, "endpoint is rejecting events")


def _paused(queues: list[QueueLine]) -> list[Need]:
    return [
        Need(
            key=f"paused-{line.name}",
            state="paused",
            word="Paused",
            text=f"{_number(line.ready, 'task', 'tasks')} queued in {line.name}",
            href="/queues",
            note=f"paused by {line.paused_by}",
        )
        for line in queues
        if line.paused_at and line.ready
    ]


def _when(n: int, key: str, state: str, word: str, text: str, href: str, note: str) -> list[Need]:
    return [Need(key=key, state=state, word=word, text=text, href=href, note=note)] if n else []


def _number(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}".replace(",", "\u202f")
