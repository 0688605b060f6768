"""Which errors tries failed with in each minute, folded from the event log together with stats/rollups.py."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession

LONGEST = 2000  # characters of a message that are kept

# Added up by the minute first, as there. What an error said is read from the newest event of each.
_FOLD = text(
    """
    WITH brief AS MATERIALIZED (
      SELECT l.owner_id, e.fingerprint, date_bin(interval '1 minute', e.at, CAST(:epoch AS timestamptz)) AS minute,
             count(*) AS n, max(e.id) AS last
      FROM task_log e JOIN lanes l ON l.id = e.lane
      WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
        AND e.fingerprint IS NOT NULL
      GROUP BY 1, 2, 3),
    failed AS (
      SELECT o.owner_id, b.fingerprint, b.minute, b.n, b.last FROM brief b
      CROSS JOIN LATERAL (SELECT NULL AS owner_id UNION ALL SELECT b.owner_id WHERE b.owner_id IS NOT NULL) AS o),
    names AS (
      INSERT INTO error_names AS e (owner_id, fingerprint, kind, error_type, message, last_at)
      SELECT newest.owner_id, newest.fingerprint, t.kind, coalesce(t.data ->> 'type', ''),
             left(coalesce(t.data ->> 'message', t.reason, ''), :longest), t.at
      FROM (SELECT owner_id, fingerprint, max(last) AS id FROM failed GROUP BY 1, 2) AS newest
      JOIN task_events t USING (id)
      WHERE t.xid >= CAST(CAST(:upto AS text) AS xid8) AND t.xid < CAST(CAST(:horizon AS text) AS xid8)
      ON CONFLICT (owner_id, fingerprint) DO UPDATE
      SET message = EXCLUDED.message, last_at = greatest(e.last_at, EXCLUDED.last_at))
    INSERT INTO error_minutes AS m (owner_id, span, minute, fingerprint, n)
    SELECT f.owner_id, w.span, date_bin(make_interval(mins => w.span), f.minute, CAST(:epoch AS timestamptz)),
           f.fingerprint, sum(f.n)
    FROM failed f CROSS JOIN unnest(CAST(:spans AS integer[])) AS w(span)
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (owner_id, span, minute, fingerprint) DO UPDATE SET n = m.n + EXCLUDED.n
    """
)


async def fold(session: WriteSession, values: dict[str, Any]) -> None:
    """Of one window of the log: `upto`, `horizon`, `spans` and `epoch` of stats/rollups.py."""
    names = ("upto", "horizon", "spans", "epoch")
    await session.execute(_FOLD, {**{name: values[name] for name in names}, "longest": LONGEST})


_FORGET = text(
    "DELETE FROM error_names WHERE last_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:kept AS interval)"
)


async def forget_names(session: WriteSession, kept: timedelta, *, now: datetime | None = None) -> None:
    """Drop what the errors said that have not come for so long: it may name somebody, and no page shows it any more."""
    await session.execute(_FORGET, {"kept": kept, "now": now})


class ErrorSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One error in a period: `n` attempts failed with it, in its spans `by_span`, last at `last_at`.

    Of the tasks that have it now `dead` are open dead letters and `retried` are tried again.
    """

    fingerprint: str
    kind: str
    error_type: str
    message: str
    last_at: datetime
    n: int
    by_span: list[int]
    dead: int
    retried: int


_FAILURES = """
    WITH top AS (
      SELECT m.fingerprint, sum(m.n) AS n FROM error_minutes m
      WHERE {mine} AND m.span = :span AND m.minute >= :first
      GROUP BY m.fingerprint ORDER BY sum(m.n) DESC, m.fingerprint LIMIT :limit)
    SELECT top.fingerprint, e.kind, e.error_type, e.message, e.last_at, CAST(top.n AS bigint), spans.minutes,
           spans.counts, CAST(coalesce(now.dead, 0) AS bigint), CAST(coalesce(now.retried, 0) AS bigint)
    FROM top JOIN error_names e ON e.fingerprint = top.fingerprint AND {name}
    CROSS JOIN LATERAL (
      SELECT array_agg(m.minute) AS minutes, array_agg(m.n) AS counts FROM error_minutes m
      WHERE {mine} AND m.span = :span AND m.minute >= :first AND m.fingerprint = top.fingerprint) AS spans
    CROSS JOIN LATERAL (
      SELECT sum(m.n) FILTER (WHERE m.dead) AS dead, sum(m.n) FILTER (WHERE NOT m.dead) AS retried
      FROM error_counts m WHERE {now} AND m.fingerprint = top.fingerprint) AS now
    ORDER BY top.n DESC, top.fingerprint
"""
_OF_ALL = text(_FAILURES.format(mine="m.owner_id IS NULL", name="e.owner_id IS NULL", now="true"))
_OF_ONE = text(_FAILURES.format(mine="m.owner_id = :owner", name="e.owner_id = :owner", now="m.owner_id = :owner"))


async def failures_in(
    session: AsyncSession, span: int, spans: list[datetime], owner: UUID | None, limit: int
) -> list[ErrorSummary]:
    """The most frequent first, one owner's or everybody's.

    Args:
        span: how many minutes each of the `spans` of the period is long, which begin at these times.
    """
    values = {"span": span, "first": spans[0], "limit": limit}
    if owner is None:
        rows: Any = await session.execute(_OF_ALL, values)
    else:
        rows = await session.execute(_OF_ONE, {**values, "owner": owner})
    found = []
    for fingerprint, kind, error_type, message, last_at, n, minutes, counts, dead, retried in rows:
        told = dict(zip(minutes, counts, strict=True))
        found.append(
            ErrorSummary(
                fingerprint=fingerprint,
                kind=kind,
                error_type=error_type,
                message=message,
                last_at=last_at,
                n=n,
                by_span=[told.get(at, 0) for at in spans],
                dead=dead,
                retried=retried,
            )
        )
    return found


class ErrorName(msgspec.Struct, frozen=True, kw_only=True):
    """What an error of a kind said the last time."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    last_at: datetime


_NAMES = """
    SELECT fingerprint, kind, error_type, message, last_at FROM error_names
    WHERE {mine} AND right(fingerprint, 13) = ':' || :digest ORDER BY last_at DESC
"""
_NAMES_OF_ALL = text(_NAMES.format(mine="owner_id IS NULL"))
_NAMES_OF_ONE = text(_NAMES.format(mine="owner_id = :owner"))


async def names_of(session: AsyncSession, digest: str, owner: UUID | None) -> list[ErrorName]:
    """One error in all the kinds that had it lately, the latest first: one owner's or everybody's."""
    query = _NAMES_OF_ALL if owner is None else _NAMES_OF_ONE
    rows: Any = await session.execute(query, {"digest": digest} | ({} if owner is None else {"owner": owner}))
    return [ErrorName(**dict(zip(ErrorName.__struct_fields__, row, strict=True))) for row in rows]


_MESSAGES = """
    SELECT DISTINCT ON (1) right(fingerprint, 12), error_type || ': ' || message FROM error_names
    WHERE {mine} AND right(fingerprint, 12) = ANY(CAST(:digests AS text[])) ORDER BY 1, last_at DESC
"""
_MESSAGES_OF_ALL = text(_MESSAGES.format(mine="owner_id IS NULL"))
_MESSAGES_OF_ONE = text(_MESSAGES.format(mine="owner_id = :owner"))


async def messages_of(session: AsyncSession, digests: list[str], owner: UUID | None) -> dict[str, str]:
    """Digest → what the error said the last time, of those that came lately."""
    query = _MESSAGES_OF_ALL if owner is None else _MESSAGES_OF_ONE
    rows: Any = await session.execute(query, {"digests": digests} | ({} if owner is None else {"owner": owner}))
    return {digest: message for digest, message in rows}


_TREND = """
    WITH spans AS (
      SELECT date_bin(make_interval(mins => :span), now(), CAST(:epoch AS timestamptz))
             - make_interval(mins => :span * CAST(i AS integer)) AS at
      FROM generate_series(0, CAST(:count AS integer) - 1) AS i)
    SELECT s.at, CAST(coalesce(sum(m.n), 0) AS bigint)
    FROM spans s LEFT JOIN error_minutes m ON m.minute = s.at AND m.span = :span AND {mine}
      AND m.fingerprint = ANY(CAST(:fingerprints AS text[]))
    GROUP BY s.at ORDER BY s.at
"""
_TREND_OF_ALL = text(_TREND.format(mine="m.owner_id IS NULL"))
_TREND_OF_ONE = text(_TREND.format(mine="m.owner_id = :owner"))


async def trend_of(
    session: AsyncSession, fingerprints: list[str], owner: UUID | None, *, span: int, count: int, epoch: datetime
) -> list[tuple[datetime, int]]:
    """How many attempts failed with these in each of the last `count` spans of `span` minutes."""
    values = {"fingerprints": fingerprints, "span": span, "count": count, "epoch": epoch}
    query = _TREND_OF_ALL if owner is None else _TREND_OF_ONE
    rows: Any = await session.execute(query, values if owner is None else {**values, "owner": owner})
    return [(at, int(n)) for at, n in rows]
