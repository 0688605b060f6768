"""The logs of every feature read as one, newest first, each over its own index; and the log of tasks alone.

A page takes the newest rows of each log from behind its place and merges them, so it costs the same however long they
have grown.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Interval,
    Select,
    String,
    and_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.audit.entries import AuditEntry, AuditFilter, AuditPlace
from holdgate.audit.errors import LookupTooSlow
from holdgate.audit.sources import Source, sources_for, tasks_log
from holdgate.core.postgres.outages import sqlstate
from holdgate.tasks.search.values import parse_age

LIMIT = timedelta(seconds=5)  # for a rare actor in a long log
_MOMENT = DateTime(timezone=True)


async def audit_lines(
    session: AsyncSession, wanted: AuditFilter, before: AuditPlace | None, limit: int, *, everything: bool = False
) -> list[AuditEntry]:
    """What people did, newest first. `everything`: every change of tasks by whomever, and nothing else.

    Raises:
        LookupTooSlow
    """
    sources = [tasks_log(everything)] if everything else list(sources_for(wanted))
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
        query = query.where(source.by_people)
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
