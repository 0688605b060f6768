"""The logs of every feature read as one, newest first, each over its own index; and the log of tasks alone.

The features' tables are known by name here and no more: their modules stay theirs. A page takes the newest rows of each
log from behind its place and merges them, so it costs the same however long they have grown.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Interval,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    or_,
    select,
    table,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.audit.errors import LookupTooSlow
from holdgate.core.db import sqlstate
from holdgate.core.errors import Invalid
from holdgate.tasks.search.values import parse_age

LIMIT = timedelta(seconds=5)  # for a rare actor in a long log
AREAS = ("task", "approval", "run", "bulk", "queue", "schedule", "limit", "user", "token", "webhook")
_MOMENT = DateTime(timezone=True)
# Who decided is told by the trail of the question, with its receipt.
_TOLD_BY_APPROVALS = ("approve", "reject", "answer", "take_back")
# The mail server's, not a person's.
_MAILS = ("mail_accepted", "mail_refused")


class AuditPlace(NamedTuple):
    """Behind which line of which log to go on."""

    at: datetime
    log: str
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.log}~{self.id}"


def parse_place(given: str) -> AuditPlace | None:
    """Raises Invalid for what is not one of ours."""
    if not given:
        return None
    try:
        at, log, id = given.split("~")
        place = AuditPlace(datetime.fromisoformat(at), log, int(id))
        if (
            place.at.tzinfo is None
            or not 1970 <= place.at.year <= 9000
            or log not in AREAS
            or not 0 <= place.id < 2**63
        ):
            raise ValueError("none of ours")
    except ValueError as error:
        raise Invalid("This page address is damaged. Go back to the first page.") from error
    return place


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines; empty values do not filter.

    `actor` is an address or a name as the log has it, `since` and `until` are ages as in the filter of tasks.
    """

    actor: str = ""
    verb: str = ""
    area: str = ""
    task: UUID | None = None
    since: str = ""
    until: str = ""


class AuditEntry(NamedTuple):
    """Somebody did something. `about` is what it was done to, `target` its id; `log` and `id`: where it is written."""

    log: str
    area: str
    id: int
    at: datetime
    actor: str
    verb: str
    about: str
    target: str | None
    detail: str | None
    data: Any

    @property
    def place(self) -> AuditPlace:
        return AuditPlace(self.at, self.log, self.id)

    @property
    def href(self) -> str | None:
        pages = {
            "task": "/tasks/",
            "approval": "/approvals/",
            "run": "/runs/",
            "bulk": "/bulk/",
            "webhook": "/settings/webhooks/",
            "schedule": "/schedules/",
        }
        if self.area in pages and self.target and self.verb not in ("delete", "remove"):
            return pages[self.area] + self.target
        return {"queue": "/queues", "limit": "/queues", "user": "/admin/users"}.get(self.area)


async def audit_lines(
    session: AsyncSession, wanted: AuditFilter, before: AuditPlace | None, limit: int, *, everything: bool = False
) -> list[AuditEntry]:
    """What people did, newest first. `everything`: every change of tasks by whomever, and nothing else.

    Raises:
        LookupTooSlow
    """
    sources = [_tasks(everything)] if everything else list(_sources(wanted))
    parts = [_newest(source, wanted, before, limit).subquery(source.area) for source in sources]
    if not parts:
        return []
    merged = union_all(*(select(part) for part in parts)).subquery("lines")
    query = select(merged).order_by(merged.c.at.desc(), merged.c.log.desc(), merged.c.id.desc()).limit(limit)
    if everything:  # by its number: written in one order, read in the same
        query = select(merged).order_by(merged.c.id.desc()).limit(limit)
    try:
        await _time_limit(session, LIMIT)
        rows = [AuditEntry(*row) for row in await session.execute(query)]
        await _time_limit(session, timedelta())
    except DBAPIError as error:
        if sqlstate(error) == "57014":
            raise LookupTooSlow from error
        raise
    return rows


async def _time_limit(session: AsyncSession, limit: timedelta) -> None:
    milliseconds = str(int(limit.total_seconds() * 1000))
    await session.execute(select(func.set_config("statement_timeout", milliseconds, True)))


class Source(NamedTuple):
    """One log. `of_task` tells which lines are about a task; None: none are. `people`: leave out workers and sweeper.

    `by_number`: in the order of ids instead of that of times.
    """

    area: str
    log: FromClause
    joined: FromClause
    columns: dict[str, ColumnElement[Any]]
    where: ColumnElement[bool]
    of_task: ColumnElement[Any] | None
    people: bool = True
    by_number: bool = False


def _newest(source: Source, wanted: AuditFilter, before: AuditPlace | None, limit: int) -> Select[Any]:
    log = source.log.c
    columns = {
        "target": cast(null(), String),
        "detail": cast(null(), String),
        "data": cast(null(), JSONB),
        **source.columns,
    }
    area = columns.pop("area", literal(source.area, String))
    query = select(
        literal(source.area, String).label("log"),
        area.label("area"),
        log.id.label("id"),
        log.at.label("at"),
        log.actor.label("actor"),
        log.verb.label("verb") if "verb" not in columns else columns["verb"].label("verb"),
        func.coalesce(columns["about"], "").label("about"),
        columns["target"].label("target"),
        columns["detail"].label("detail"),
        columns["data"].label("data"),
    ).select_from(source.joined)
    query = query.where(source.where, *_conditions(source, columns, area, wanted))
    if source.people:
        query = query.where(and_(log.actor.not_like(text("'worker:%'")), log.actor != text("'system'")))
    if before is not None:
        query = query.where(log.id < before.id if source.by_number else _behind(source, log, before))
    order = (log.id.desc(),) if source.by_number else (log.at.desc(), log.id.desc())
    return query.order_by(*order).limit(limit)


def _behind(source: Source, log: Any, place: AuditPlace) -> ColumnElement[bool]:
    """The bound on the time alone is what the index takes."""
    at = literal(place.at, _MOMENT)
    earlier: ColumnElement[bool] = log.at < at
    if source.area == place.log:
        return and_(log.at <= at, or_(earlier, log.id < place.id))
    until: ColumnElement[bool] = log.at <= at
    return until if source.area < place.log else earlier


def _conditions(
    source: Source, columns: dict[str, ColumnElement[Any]], area: ColumnElement[Any], wanted: AuditFilter
) -> Iterable[ColumnElement[bool]]:
    log = source.log.c
    if wanted.actor:
        yield log.actor.in_(names_of(wanted.actor))
    if wanted.verb:
        verb = columns.get("verb")
        yield (log.verb if verb is None else verb) == wanted.verb
    if wanted.area and wanted.area != source.area:
        yield area == wanted.area
    if wanted.task is not None and source.of_task is not None:
        yield source.of_task == wanted.task
    for text_, is_since in ((wanted.since, True), (wanted.until, False)):
        if text_:
            age = parse_age(text_)
            limit = literal(age, _MOMENT) if isinstance(age, datetime) else func.now() - literal(age, Interval())
            yield log.at >= limit if is_since else log.at < limit


def names_of(actor: str) -> list[str]:
    """How logs write one person: by the address alone, or with how they came."""
    return [actor] if ":" in actor else [actor, f"user:{actor}", f"recipient:{actor}"]


def _log(name: str, *more: str) -> Any:
    return table(name, *(column(each) for each in ("id", "at", "actor", *more)))


def _sources(wanted: AuditFilter) -> Iterable[Source]:
    """Those that can have lines that fit: the others are not asked."""
    every = [_tasks(False), _approvals(), _runs(), _bulk(), _queues(), _schedules(), _limits(), _audit()]
    for source in every:
        areas = ("user", "token", "webhook") if source.area == "user" else (source.area,)
        if wanted.area and wanted.area not in areas:
            continue
        if wanted.task is not None and source.of_task is None:
            continue
        yield source


def _tasks(everything: bool) -> Source:
    log = _log("task_events", "verb", "task_id", "kind", "to_state", "reason", "data")
    tasks = table("tasks", column("id"), column("title"))
    named = func.coalesce(func.nullif(tasks.c.title, ""), log.c.kind)
    columns = {
        "about": named,
        "target": cast(log.c.task_id, String),
        "detail": log.c.reason,
        "data": log.c.data,
    }
    where = true() if everything else log.c.verb.not_in(_TOLD_BY_APPROVALS)
    joined = log.outerjoin(tasks, tasks.c.id == log.c.task_id)
    return Source("task", log, joined, columns, where, log.c.task_id, people=not everything, by_number=everything)


def _approvals() -> Source:
    log = _log("approval_events", "verb", "approval_id", "data")
    approvals = table("approvals", column("id"), column("title"), column("task_id"))
    columns = {
        "about": approvals.c.title,
        "target": cast(log.c.approval_id, String),
        "detail": func.coalesce(log.c.data.op("->>")("reason"), log.c.data.op("->>")("text")),
    }
    joined = log.join(approvals, approvals.c.id == log.c.approval_id)
    return Source("approval", log, joined, columns, log.c.verb.not_in(_MAILS), approvals.c.task_id)


def _runs() -> Source:
    log = _log("run_events", "verb", "run_id")
    runs = table("runs", column("id"), column("name"))
    columns = {"about": runs.c.name, "target": cast(log.c.run_id, String)}
    return Source("run", log, log.join(runs, runs.c.id == log.c.run_id), columns, true(), None)


def _bulk() -> Source:
    log = _log("bulk_events", "action_id", "to_state", "reason", "from_state")
    actions = table("bulk_actions", column("id"), column("verb"), column("total"), column("filter"))
    verb = case(
        (log.c.from_state.is_(None), "start"),
        else_=case(
            {"running": "continue", "stopped": "stop", "finished": "finish"}, value=log.c.to_state, else_="wait"
        ),
    )
    columns = {
        "verb": verb,
        "about": func.concat(actions.c.verb, " ", cast(actions.c.total, String), " tasks"),
        "target": cast(log.c.action_id, String),
        "detail": log.c.reason,
        "data": actions.c.filter,
    }
    joined = log.join(actions, actions.c.id == log.c.action_id)
    return Source("bulk", log, joined, columns, true(), None)


def _queues() -> Source:
    log = _log("queue_events", "verb", "queue")
    return Source("queue", log, log, {"about": log.c.queue}, true(), None, people=False)


def _schedules() -> Source:
    log = _log("schedule_events", "verb", "schedule_id", "name", "changed")
    columns = {"about": log.c.name, "target": cast(log.c.schedule_id, String), "detail": log.c.changed}
    return Source("schedule", log, log, columns, true(), None, people=False)


def _limits() -> Source:
    log = _log("kind_limit_events", "kind", "limits")
    columns = {"verb": literal("set_limit", String), "about": log.c.kind, "detail": log.c.limits}
    return Source("limit", log, log, columns, true(), None, people=False)


def _audit() -> Source:
    log = _log("audit_events", "verb", "area", "subject", "subject_id", "data")
    columns = {
        "area": log.c.area,
        "about": log.c.subject,
        "target": cast(log.c.subject_id, String),
        "data": log.c.data,
    }
    return Source("user", log, log, columns, true(), None, people=False)
