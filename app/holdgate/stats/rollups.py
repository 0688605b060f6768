"""What happened in each minute, folded from the event log: how many tasks went where, and how long each stay was.

A follower of the log like others: its counts and its cursor commit together, so every event is counted once. Each event
is counted for its owner and for everybody, in spans of three lengths, so that a chart of an hour, a day or a week reads
about a hundred spans, whatever the history and however many owners. Old spans are dropped, the shortest first. Pages
show what is folded, which is up to about a second ago.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.stats import failures, histograms
from holdgate.stats.event_consumer import next_window
from holdgate.stats.histograms import Histogram, add

FOLLOWER = "minutes"
MOST = 20_000  # events folded in one transaction
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# Minutes of a span → how long it is kept.
KEPT = {1: timedelta(days=1), 15: timedelta(days=7), 120: timedelta(days=90)}

# Added up by lane and minute first: each event belongs to three spans, of its owner and of everybody.
_FOLD = text(
    """
    WITH stays AS (
      SELECT e.lane, date_bin(interval '1 minute', e.at, CAST(:epoch AS timestamptz)) AS minute, e.to_state, s.stage,
             CASE WHEN s.stage IS NOT NULL THEN greatest(extract(epoch FROM e.at - e.since), 0) END AS seconds
      FROM task_log e
      LEFT JOIN unnest(CAST(CAST(:states AS text[]) AS task_state[]), CAST(:stages AS text[])) AS s(state, stage)
                ON s.state = e.from_state
      WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
        AND e.to_state IS NOT NULL AND e.from_state IS DISTINCT FROM e.to_state),
    counted AS (
      SELECT lane, minute, to_state, stage,
             CASE WHEN seconds IS NOT NULL THEN CAST(least(:last, ceil(
               :per_doubling * ln(greatest(CAST(seconds AS float8) * 1000, 1)) / ln(2))) AS smallint) END AS bucket,
             count(*) AS n, sum(seconds) AS seconds
      FROM stays GROUP BY 1, 2, 3, 4, 5),
    brief AS MATERIALIZED (
      SELECT l.owner_id, c.minute, l.queue, l.kind, CAST(c.to_state AS text) AS to_state, c.stage, c.bucket,
             sum(c.n) AS n, sum(c.seconds) AS seconds
      FROM counted c JOIN lanes l ON l.id = c.lane GROUP BY 1, 2, 3, 4, 5, 6, 7),
    seen AS (
      SELECT o.owner_id, w.span,
             date_bin(make_interval(mins => w.span), s.minute, CAST(:epoch AS timestamptz)) AS minute, s.queue,
             s.kind, s.to_state, s.stage, s.seconds, s.bucket, s.n
      FROM brief s
      CROSS JOIN unnest(CAST(:spans AS integer[])) AS w(span)
      CROSS JOIN LATERAL (SELECT NULL AS owner_id UNION ALL SELECT s.owner_id WHERE s.owner_id IS NOT NULL) AS o),
    minutes AS (
      INSERT INTO task_minutes AS m (owner_id, span, minute, queue, kind, outcome, n, wait, work, people)
      SELECT owner_id, span, minute, queue, kind, to_state, sum(n),
             coalesce(sum(seconds) FILTER (WHERE stage = 'queue'), 0),
             coalesce(sum(seconds) FILTER (WHERE stage = 'work'), 0),
             coalesce(sum(seconds) FILTER (WHERE stage = 'people'), 0)
      FROM seen GROUP BY 1, 2, 3, 4, 5, 6
      ON CONFLICT (owner_id, span, minute, queue, kind, outcome)
      DO UPDATE SET n = m.n + EXCLUDED.n, wait = m.wait + EXCLUDED.wait, work = m.work + EXCLUDED.work,
                    people = m.people + EXCLUDED.people),
    filled AS (
      SELECT owner_id, span, minute, kind, stage, bucket, sum(n) AS n FROM seen WHERE bucket IS NOT NULL
      GROUP BY 1, 2, 3, 4, 5, 6),
    histograms AS (
      INSERT INTO task_stays AS m (owner_id, span, minute, kind, stage, buckets, counts)
      SELECT owner_id, span, minute, kind, stage, array_agg(bucket ORDER BY bucket), array_agg(n ORDER BY bucket)
      FROM filled GROUP BY 1, 2, 3, 4, 5
      ON CONFLICT (owner_id, span, minute, kind, stage) DO UPDATE SET (buckets, counts) = (
        SELECT array_agg(bucket ORDER BY bucket), array_agg(n ORDER BY bucket) FROM (
          SELECT bucket, CAST(sum(n) AS bigint) AS n FROM (
            SELECT * FROM unnest(m.buckets, m.counts) AS t(bucket, n)
            UNION ALL SELECT * FROM unnest(EXCLUDED.buckets, EXCLUDED.counts) AS t(bucket, n)) AS both_sides
          GROUP BY bucket) AS together))
    SELECT count(*) FROM brief
    """
)


async def fold(session: WriteSession, stages: Mapping[str, str]) -> bool:
    """The sweeper's beat. True: there may be more.

    Args:
        stages: state → what a task in it waits for: `queue` (a worker), `work` (its end) or `people`.
    """
    window = await next_window(session, FOLLOWER, most=MOST)
    if window is None:
        return False
    values = {
        **window.bounds,
        "states": list(stages),
        "stages": list(stages.values()),
        "spans": list(KEPT),
        "epoch": EPOCH,
        "per_doubling": histograms.PER_DOUBLING,
        "last": histograms.LAST,
    }
    await session.execute(_FOLD, values)
    await failures.fold(session, values)
    return not window.last


_OLD = """
    DELETE FROM {table}
    WHERE span = :span AND minute < coalesce(CAST(:now AS timestamptz), now()) - CAST(:kept AS interval)
"""
_FORGET = tuple(
    text(_OLD.format(table=table)) for table in ("task_minutes", "task_stays", "error_minutes", "queue_depths")
)


async def forget_old(session: WriteSession, *, now: datetime | None = None) -> None:
    """Drop the spans that are older than they are kept."""
    for statement in _FORGET:
        for span, kept in KEPT.items():
            await session.execute(statement, {"span": span, "kept": kept, "now": now})
    await failures.forget_names(session, max(period.length for period in PERIODS.values()), now=now)


class Period(msgspec.Struct, frozen=True):
    """The last `count` spans of `span` minutes, the one that has just begun included."""

    name: str
    span: int
    count: int

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.span * self.count)


PERIODS = {each.name: each for each in (Period("hour", 1, 60), Period("day", 15, 96), Period("week", 120, 84))}


# Everybody's rows and one owner's apart: the index takes neither IS NOT DISTINCT FROM nor a parameter that may be NULL.
_OUTCOMES = """
    SELECT f.first, r.* FROM (
      SELECT date_bin(make_interval(mins => :span), coalesce(CAST(:now AS timestamptz), now()),
                      CAST(:epoch AS timestamptz)) - make_interval(mins => :span * (:count - 1)) AS first) AS f
    LEFT JOIN LATERAL (
      SELECT CASE WHEN m.minute >= f.first THEN m.minute END, m.queue, m.kind, m.outcome, CAST(sum(m.n) AS bigint)
      FROM task_minutes m
      WHERE {mine} AND m.span = :span AND m.minute >= f.first - make_interval(mins => :span * :before)
        AND m.outcome = ANY(CAST(:outcomes AS text[]))
      GROUP BY 1, 2, 3, 4) AS r ON true
"""
_STAYS = """
    SELECT m.minute, m.kind, m.stage, m.buckets, m.counts FROM task_stays m
    WHERE {mine} AND m.span = :span AND m.minute >= :first AND m.stage IN ('queue', 'work')
"""
_EVERYBODY, _ONE = {"mine": "m.owner_id IS NULL"}, {"mine": "m.owner_id = :owner"}
_OUTCOMES_OF_ALL, _OUTCOMES_OF_ONE = text(_OUTCOMES.format(**_EVERYBODY)), text(_OUTCOMES.format(**_ONE))
_STAYS_OF_ALL, _STAYS_OF_ONE = text(_STAYS.format(**_EVERYBODY)), text(_STAYS.format(**_ONE))


class Outcomes(msgspec.Struct, frozen=True):
    """The spans of a period, oldest first, and what was counted: (span, queue, kind, outcome) → how many.

    `before`: (kind, outcome) → how many in the period before it, where that was asked for.
    """

    spans: list[datetime]
    counts: dict[tuple[datetime, str, str, str], int]
    before: dict[tuple[str, str], int]


async def outcomes_in(
    session: AsyncSession,
    period: Period,
    owner: UUID | None,
    outcomes: list[str],
    *,
    before: bool = False,
    now: datetime | None = None,
) -> Outcomes:
    """How many tasks went to each of these states, one owner's or everybody's.

    Args:
        before: of the period before as well.
    """
    values: dict[str, Any] = {"span": period.span, "count": period.count, "epoch": EPOCH, "outcomes": outcomes}
    values |= {"before": period.count if before else 0, "now": now}
    if owner is None:
        rows = list(await session.execute(_OUTCOMES_OF_ALL, values))
    else:
        rows = list(await session.execute(_OUTCOMES_OF_ONE, {**values, "owner": owner}))
    step = timedelta(minutes=period.span)
    earlier: dict[tuple[str, str], int] = {}
    for _, minute, queue, kind, outcome, n in rows:
        if minute is None and queue is not None:
            earlier[kind, outcome] = earlier.get((kind, outcome), 0) + n
    return Outcomes(
        [rows[0][0] + n * step for n in range(period.count)],
        {(minute, queue, kind, outcome): n for _, minute, queue, kind, outcome, n in rows if minute is not None},
        earlier,
    )


class Stays(msgspec.Struct, frozen=True):
    """Histograms (bucket → how many) of how long tasks waited (stage `queue`) and ran (`work`).

    By (span, stage) of the `shown` kind, or of all but the `internal` ones; and by (kind, stage) of all.
    """

    by_span: dict[tuple[datetime, str], Histogram]
    by_kind: dict[tuple[str, str], Histogram]


async def stays_in(
    session: AsyncSession,
    period: Period,
    owner: UUID | None,
    first: datetime,
    internal: Collection[str],
    shown: str = "",
) -> Stays:
    """Of the stays that ended in the period, which begins with the span `first`."""
    values = {"span": period.span, "first": first}
    if owner is None:
        rows: Any = await session.execute(_STAYS_OF_ALL, values)
    else:
        rows = await session.execute(_STAYS_OF_ONE, {**values, "owner": owner})
    found = Stays({}, {})
    for minute, kind, stage, numbers, counts in rows:
        add(found.by_kind.setdefault((kind, stage), {}), zip(numbers, counts, strict=True))
        if kind == shown if shown else kind not in internal:
            add(found.by_span.setdefault((minute, stage), {}), zip(numbers, counts, strict=True))
    return found
