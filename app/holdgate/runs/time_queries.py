"""Statements about the time of runs and their end: folded from the event log, exact with what is not yet folded."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.runs.states import STAGES, Stage
from holdgate.stats.event_consumer import BEYOND, Window

_STATES = {"states": [state.value for state in STAGES], "stages": [stage.value for stage in STAGES.values()]}


class StageChange(NamedTuple):
    """What a window of the log does to one stage of one run.

    Args:
        opened: tasks that came in from outside of all stages: added, retried, resumed.
        ended_at: when the last one went out of all stages.
    """

    run_id: UUID
    stage: str
    n: int
    seconds: Decimal
    opened: int
    ended_at: datetime | None


# An event leaves one stage (-1) and enters another (+1); see RunTime for `seconds`.
_CHANGES = text(
    """
    SELECT e.run_id, s.stage, sum(v.n), sum(-v.n * extract(epoch FROM e.at)),
           count(*) FILTER (WHERE v.n = 1 AND coalesce(e.from_state <> ALL (CAST(:states AS text[])), true)),
           max(e.at) FILTER (WHERE v.n = -1 AND coalesce(e.to_state <> ALL (CAST(:states AS text[])), true))
    FROM task_events e
    CROSS JOIN LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
    JOIN unnest(CAST(:states AS text[]), CAST(:stages AS text[])) AS s(state, stage) ON s.state = v.state
    WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
      AND e.run_id IS NOT NULL
    GROUP BY e.run_id, s.stage
    """
)


async def changes_in(session: AsyncSession, window: Window) -> list[StageChange]:
    """What the events of the window change, per run and stage."""
    rows = await session.execute(_CHANGES, {**_STATES, "upto": window.upto, "horizon": window.horizon})
    return [StageChange(*row) for row in rows]


_FOLD = text(
    """
    INSERT INTO run_times AS r (run_id, stage, n, seconds)
    SELECT * FROM unnest(CAST(:runs AS uuid[]), CAST(:stages AS text[]), CAST(:ns AS bigint[]),
                         CAST(:seconds AS numeric[]))
    ON CONFLICT (run_id, stage) DO UPDATE SET n = r.n + EXCLUDED.n, seconds = r.seconds + EXCLUDED.seconds
    """
)


async def fold(session: WriteSession, changes: list[StageChange]) -> None:
    await session.execute(
        _FOLD,
        {
            "runs": [change.run_id for change in changes],
            "stages": [change.stage for change in changes],
            "ns": [change.n for change in changes],
            "seconds": [change.seconds for change in changes],
        },
    )


# The folded sums, and the few events beyond the follower's cursor.
_TIMES = text(
    """
    SELECT q.run_id, q.stage, CAST(sum(q.n) AS bigint),
           CAST(sum(q.seconds) + sum(q.n) * extract(epoch FROM coalesce(CAST(:now AS timestamptz), now())) AS float8)
    FROM (
      SELECT r.run_id, r.stage, r.n, r.seconds FROM run_times r WHERE r.run_id = ANY(CAST(:runs AS uuid[]))
      UNION ALL
      SELECT e.run_id, s.stage, v.n, -v.n * extract(epoch FROM e.at)
      FROM task_events e
      CROSS JOIN LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
      JOIN unnest(CAST(:states AS text[]), CAST(:stages AS text[])) AS s(state, stage) ON s.state = v.state
      WHERE e.xid >= (SELECT upto FROM log_followers WHERE name = 'runs') AND e.xid < BEYOND
        AND e.run_id = ANY(CAST(:runs AS uuid[]))
    ) AS q
    GROUP BY q.run_id, q.stage
    """.replace("BEYOND", BEYOND)
)


class Spent(NamedTuple):
    """`n` tasks are in the stage now; all tasks together have spent `seconds` in it."""

    n: int
    seconds: float


async def times_of(
    session: AsyncSession, runs: list[UUID], *, now: datetime | None = None
) -> dict[UUID, dict[Stage, Spent]]:
    """Run → stage → how many tasks are in it and what all have spent there, exact at this moment."""
    found: dict[UUID, dict[Stage, Spent]] = {run: dict.fromkeys(Stage, Spent(0, 0.0)) for run in runs}
    rows: Any = await session.execute(_TIMES, {**_STATES, "runs": runs, "now": now}) if runs else ()
    for run, stage, n, seconds in rows:
        found[run][Stage(stage)] = Spent(int(n), float(seconds))
    return found


_LOCK = text("SELECT id FROM runs WHERE id = ANY(CAST(:runs AS uuid[])) ORDER BY id FOR NO KEY UPDATE")


async def lock_runs(session: WriteSession, runs: list[UUID]) -> list[UUID]:
    """Waits for those who are adding tasks to them, so that what is counted after this has them."""
    return list((await session.execute(_LOCK, {"runs": runs})).scalars()) if runs else []


_REOPEN = text(
    """
    UPDATE runs r SET finished_at = NULL, opened = r.opened + o.opened
    FROM unnest(CAST(:runs AS uuid[]), CAST(:opened AS bigint[])) AS o(id, opened)
    WHERE r.id = o.id AND coalesce(r.finished_at, r.notified_at) IS NOT NULL
    """
)


async def reopen(session: WriteSession, opened: dict[UUID, int]) -> None:
    """Runs that are or were finished got something to do: so many tasks."""
    await session.execute(_REOPEN, {"runs": list(opened), "opened": list(opened.values())})


_FINISH = text(
    """
    UPDATE runs r SET finished_at = coalesce(f.at, now())
    FROM unnest(CAST(:runs AS uuid[]), CAST(:at AS timestamptz[])) AS f(id, at)
    WHERE r.id = f.id AND r.finished_at IS NULL
    RETURNING r.id
    """
)


async def finish(session: WriteSession, ended: dict[UUID, datetime | None]) -> list[UUID]:
    """Nothing is left to do in these. Returns those that were not finished before."""
    rows = await session.execute(_FINISH, {"runs": list(ended), "at": list(ended.values())})
    return list(rows.scalars())


# Few tasks added or retried shortly after a notice are the person's own doing, of which they need no second mail.
_NOTIFY = text(
    """
    UPDATE runs r SET notified_at = coalesce(CAST(:now AS timestamptz), now()), opened = 0
    FROM users u
    WHERE r.id = :run AND u.id = r.owner_id AND u.run_notices AND u.disabled_at IS NULL
      AND (r.notified_at IS NULL OR r.opened >= :handful
           OR r.notified_at <= coalesce(CAST(:now AS timestamptz), now()) - CAST(:quiet AS interval))
      AND NOT (r.state = 'cancelled' AND 'user:' || u.email = (
        SELECT e.actor FROM run_events e WHERE e.run_id = r.id AND e.verb = 'cancelled' ORDER BY e.id DESC LIMIT 1))
    RETURNING u.email, r.name
    """
)


class ToTell(NamedTuple):
    email: str
    name: str


async def claim_notice(
    session: WriteSession, run_id: UUID, *, handful: int, quiet: Any, now: datetime | None = None
) -> ToTell | None:
    """Whom to mail that the run has finished, noted as mailed; None: nobody."""
    row = (await session.execute(_NOTIFY, {"run": run_id, "handful": handful, "quiet": quiet, "now": now})).first()
    return None if row is None else ToTell(*row)
