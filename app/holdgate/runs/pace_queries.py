"""Statements about how quickly runs get on: folded from the event log by the minute, kept for the last ones only."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.runs.forecast import Pace
from holdgate.runs.models import RunMinute
from holdgate.runs.queries import at
from holdgate.stats.event_consumer import Window
from holdgate.tasks.states import FINISHED, HOLDS, TaskState

LOOKED_AT = timedelta(minutes=10)
KEPT = timedelta(minutes=15)

_FOLD = text(
    """
    INSERT INTO run_minutes AS m (run_id, minute, n)
    SELECT e.run_id, date_trunc('minute', e.at), count(*)
    FROM task_events e
    WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
      AND e.run_id IS NOT NULL AND e.from_state = :running AND e.to_state = ANY (CAST(:left AS text[]))
    GROUP BY 1, 2
    ON CONFLICT (run_id, minute) DO UPDATE SET n = m.n + EXCLUDED.n
    """
)
_LEFT = {"running": TaskState.RUNNING.value, "left": [state.value for state in (*HOLDS, *FINISHED)]}


async def fold_minutes(session: WriteSession, window: Window, *, now: datetime | None = None) -> None:
    """Count those that left a worker in the window, and forget the minutes that nobody looks at any more."""
    await session.execute(_FOLD, {**_LEFT, "upto": window.upto, "horizon": window.horizon})
    await session.execute(delete(RunMinute).where(RunMinute.minute < at(now) - KEPT))


async def paces_of(session: AsyncSession, runs: list[UUID], *, now: datetime | None = None) -> dict[UUID, Pace]:
    """Of the runs of which anything has left a worker in the last minutes."""
    rows = await session.execute(
        select(RunMinute.run_id, func.sum(RunMinute.n), func.min(RunMinute.minute), at(now))
        .where(RunMinute.run_id.in_(runs), RunMinute.minute > at(now) - LOOKED_AT)
        .group_by(RunMinute.run_id)
    )
    return {run: Pace(int(n), since, moment) for run, n, since, moment in rows}
