"""The logs that the audit reads. The features' tables are known by name here and no more: their modules stay theirs."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    table,
    text,
    true,
)

from holdgate.audit.entries import AuditFilter

# Who decided is told by the trail of the question, with its receipt.
_TOLD_BY_APPROVALS = ("approve", "reject", "request_changes", "answer", "take_back")
# The mail server's, not a person's.
_MAILS = ("mail_accepted", "mail_refused")


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

    @property
    def by_people(self) -> ColumnElement[bool]:
        """As the indexes have it: the log of tasks numbers who does something, people below zero."""
        log = self.log.c
        if "actor_id" in log:
            return log.actor_id < literal_column("0")
        return and_(log.actor.not_like(text("'worker:%'")), log.actor != text("'system'"))


def _log(name: str, *more: str) -> Any:
    return table(name, *(column(each) for each in ("id", "at", "actor", *more)))


def sources_for(wanted: AuditFilter) -> Iterable[Source]:
    """Those that can have lines that fit: the others are not asked."""
    every = [tasks_log(False), _approvals(), _runs(), _bulk(), _queues(), _schedules(), _limits(), _audit()]
    for source in every:
        areas = ("user", "group", "token", "webhook") if source.area == "user" else (source.area,)
        if wanted.area and wanted.area not in areas:
            continue
        if wanted.task is not None and source.of_task is None:
            continue
        yield source


def tasks_log(everything: bool) -> Source:
    log = _log("task_events", "actor_id", "verb", "task_id", "kind", "to_state", "reason", "data")
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
