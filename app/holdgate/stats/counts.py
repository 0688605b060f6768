"""Folding the event log, and exact counts at any moment: what is folded plus the few events beyond the watermark."""

from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.stats.event_consumer import BEYOND, bound_of

MOST = 100_000  # events folded in one transaction

CountsByKind: TypeAlias = dict[tuple[str, str], dict[str, int]]

_UPTO = text("SELECT CAST(upto AS text) FROM rollup FOR UPDATE")
# Every transaction below this has ended: none can still add an event.
_HORIZON = text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)")
_FOLD = text(
    """
    INSERT INTO task_counts AS c (owner_id, run_id, queue, kind, state, n)
    SELECT l.owner_id, l.run_id, l.queue, l.kind, CAST(q.state AS text), sum(q.n)
    FROM (SELECT e.lane, v.state, sum(v.n) AS n
          FROM task_log e, LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
          WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
            AND v.state IS NOT NULL
          GROUP BY 1, 2 HAVING sum(v.n) <> 0) AS q
    JOIN lanes l ON l.id = q.lane
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(q.n) <> 0
    ON CONFLICT (owner_id, run_id, queue, kind, state) DO UPDATE SET n = c.n + EXCLUDED.n
    """
)
_ADVANCE = text("UPDATE rollup SET upto = CAST(CAST(:horizon AS text) AS xid8)")


async def fold_events(session: WriteSession, *, most: int = MOST) -> bool:
    """Fold what is final, about `most` events of it. True: there is more.

    Separate statements in this order: as one, with data-modifying CTEs, it counts nothing.
    """
    upto = (await session.execute(_UPTO)).scalar_one()
    horizon = (await session.execute(_HORIZON)).scalar_one()
    if int(upto) >= int(horizon):  # never backwards: see stats/restore.py
        return False
    bound = await bound_of(session, upto, horizon, most)
    await session.execute(_FOLD, {"upto": upto, "horizon": bound or horizon})
    await session.execute(_ADVANCE, {"horizon": bound or horizon})
    return bound is not None


_COUNTS = """
    SELECT {key}, sum(n) FROM (
      SELECT {columns}, c.state, c.n FROM {folded} c WHERE {where_c}
      UNION ALL
      SELECT {columns_l}, CAST(u.state AS text), u.n
      FROM (SELECT e.lane, v.state, sum(v.n) AS n
            FROM task_log e, LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
            WHERE e.xid >= (SELECT upto FROM rollup) AND e.xid < {beyond} AND v.state IS NOT NULL
            GROUP BY 1, 2) AS u
      -- One by one: of a join all lanes would be read before it is known that nothing is unfolded.
      CROSS JOIN LATERAL (SELECT * FROM lanes WHERE id = u.lane OFFSET 0) AS l WHERE {where_l}) AS q
    GROUP BY {key} HAVING sum(n) <> 0
"""
_TOTALS = {"beyond": BEYOND, "folded": "task_totals", "columns": "c.queue, c.kind", "columns_l": "l.queue, l.kind"}
_ALL = {**_TOTALS, "where_c": "true", "where_l": "true"}
_OF_OWNER = {**_TOTALS, "where_c": "c.owner_id = :owner", "where_l": "l.owner_id = :owner"}
_BY_STATE = text(_COUNTS.format(key="state", **_ALL))
_BY_STATE_OF_OWNER = text(_COUNTS.format(key="state", **_OF_OWNER))
_BY_QUEUE = text(_COUNTS.format(key="queue, state", **_ALL))
_BY_QUEUE_OF_OWNER = text(_COUNTS.format(key="queue, state", **_OF_OWNER))
_BY_KIND = text(_COUNTS.format(key="queue, kind, state", **_ALL))
_BY_KIND_OF_OWNER = text(_COUNTS.format(key="queue, kind, state", **_OF_OWNER))
_RUN = {
    "beyond": BEYOND,
    "folded": "task_counts",
    "columns": "c.run_id",
    "columns_l": "l.run_id",
    "key": "run_id, state",
}
_IN_RUNS = "{0}.run_id = ANY(CAST(:runs AS uuid[]))"
_IN_OWN_RUNS = f"{_IN_RUNS} AND {{0}}.owner_id = :owner"
_BY_RUN, _BY_RUN_OF_OWNER = (
    text(_COUNTS.format(**_RUN, where_c=where.format("c"), where_l=where.format("l")))
    for where in (_IN_RUNS, _IN_OWN_RUNS)
)


async def counts_by_state(session: AsyncSession, owner: UUID | None = None) -> dict[str, int]:
    """How many tasks are in each state: one owner's, or everybody's."""
    query = _BY_STATE if owner is None else _BY_STATE_OF_OWNER
    rows: Any = await session.execute(query, {} if owner is None else {"owner": owner})
    return {state: int(n) for state, n in rows}


async def counts_by_queue(session: AsyncSession, owner: UUID | None = None) -> dict[str, dict[str, int]]:
    """Queue → state → how many: one owner's, or everybody's."""
    query = _BY_QUEUE if owner is None else _BY_QUEUE_OF_OWNER
    rows: Any = await session.execute(query, {} if owner is None else {"owner": owner})
    found: dict[str, dict[str, int]] = {}
    for queue, state, n in rows:
        found.setdefault(queue, {})[state] = int(n)
    return found


async def counts_by_kind(session: AsyncSession, owner: UUID | None = None) -> CountsByKind:
    """(queue, kind) → state → how many: one owner's, or everybody's."""
    query = _BY_KIND if owner is None else _BY_KIND_OF_OWNER
    rows: Any = await session.execute(query, {} if owner is None else {"owner": owner})
    found: CountsByKind = {}
    for queue, kind, state, n in rows:
        found.setdefault((queue, kind), {})[state] = int(n)
    return found


async def counts_by_run(
    session: AsyncSession, runs: list[UUID], owner: UUID | None = None
) -> dict[UUID, dict[str, int]]:
    """Run → state → how many, for the runs given: one owner's tasks, or everybody's."""
    found: dict[UUID, dict[str, int]] = {run: {} for run in runs}
    query, values = (_BY_RUN, {}) if owner is None else (_BY_RUN_OF_OWNER, {"owner": owner})
    rows: Any = await session.execute(query, {"runs": runs, **values}) if runs else ()
    for run, state, n in rows:
        found[run][state] = int(n)
    return found


_KINDS_OF_RUN = text("SELECT DISTINCT kind FROM task_counts WHERE run_id = :run")


async def kinds_of_run(session: AsyncSession, run: UUID) -> set[str]:
    """The kinds of its tasks, but for those of the last second."""
    return set((await session.execute(_KINDS_OF_RUN, {"run": run})).scalars())


_IN_STATES = "c.state = ANY(CAST(:states AS text[]))"
_STATES_OF_ALL = text(_COUNTS.format(**_RUN, where_c=_IN_STATES, where_l="true"))
_STATES_OF_ONE = text(
    _COUNTS.format(**_RUN, where_c=f"c.owner_id = :owner AND {_IN_STATES}", where_l="l.owner_id = :owner")
)


async def counts_of_states(
    session: AsyncSession, owner: UUID | None, states: list[str]
) -> dict[UUID | None, dict[str, int]]:
    """Run (None: no run) → state → how many, for the states given: one owner's tasks, or everybody's."""
    found: dict[UUID | None, dict[str, int]] = {}
    query = _STATES_OF_ALL if owner is None else _STATES_OF_ONE
    rows: Any = await session.execute(query, {"states": states} | ({} if owner is None else {"owner": owner}))
    for run, state, n in rows:
        if state in states and n > 0:
            found.setdefault(run, {})[state] = int(n)
    return found
