"""Limits of kinds, over all workers together: what they are, who sets them, and the claim that keeps them.

What is promised: never more tasks of a kind run at once than its `concurrency`, lost ones included until they are
recovered; a rate is a bucket that holds `count` starts and fills within `per`. Higher priorities go first, whatever the
kind, as far as there is room. Within a priority limited kinds take turns with everybody else; one that had to wait for
room goes first when it has some. A full kind is not looked at. A new limit holds once the waiting tasks have been
marked, which takes the sweeper seconds; what runs goes on, and counts.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, TextClause, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.tasks.kinds import AnyKind, Rate, all_kinds
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import (
    AMONG,
    ANY,
    CLAIMED,
    FITTING,
    FREE,
    FREE_SUSPECTS,
    NO_POOLS,
    SUSPECTS,
    TAKE,
    Claimed,
    FreePlaces,
    Losses,
)
from holdgate.tasks.queue.models import KindLimit, KindLimitEvent

TOPIC = "limits"  # rung when a limit has changed


class KindLimits(msgspec.Struct, frozen=True):
    concurrency: int | None = None
    rate: Rate | None = None


class Claim(msgspec.Struct, frozen=True):
    """What was claimed. `wait`: the seconds until a rate lets the next waiting task start. `again`: one of a limited
    kind was among them, or the answer was lost, so that only another claim knows whether there are more."""

    tasks: list[Claimed]
    wait: float | None = None
    again: bool = False


# LIMIT 1 in order, not EXISTS: a planner that knows nothing yet of the marked tasks would read all of them for that.
# The state as tasks_limited_idx alone has it: see tasks/queue/claims.py.
_WAITING = text(
    """
    SELECT l.kind, r.room, r.wait
    FROM kind_limits l
    CROSS JOIN LATERAL (SELECT FROM tasks t
                        WHERE t.state || '' = 'queued' AND t.limited AND t.kind = l.kind AND t.queue = :queue
                        ORDER BY t.priority DESC, t.position LIMIT 1) first
    CROSS JOIN LATERAL holdgate_room(l.kind, coalesce(CAST(:now AS timestamptz), now())) r
    WHERE l.limited AND l.kind = ANY(CAST(:kinds AS text[]))
      AND NOT EXISTS (SELECT FROM queues WHERE name = :queue AND paused_at IS NOT NULL)
    """
)
# In a statement of its own: the next one then sees everything that the locks' former holders have committed.
_LOCK = text("SELECT kind FROM kind_limits WHERE kind = ANY(CAST(:limited AS text[])) ORDER BY kind FOR NO KEY UPDATE")
# More rows may be locked than are taken in the end, hence `spare`: others skipped those, and must look again.
_ROOMS = """
    WITH rooms AS MATERIALIZED (
      SELECT k.kind, r.room FROM unnest(CAST(:limited AS text[])) AS k(kind)
      CROSS JOIN LATERAL holdgate_room(k.kind, coalesce(CAST(:now AS timestamptz), now())) r
      WHERE r.room > 0),
    held AS MATERIALIZED (
      SELECT t.* FROM rooms CROSS JOIN LATERAL (
        SELECT ctid AS row, kind, priority, position FROM tasks
        WHERE state || '' = 'queued' AND limited AND kind = rooms.kind AND queue = :queue
"""
_HELD = """
        ORDER BY priority DESC, position
        LIMIT least(rooms.room, CAST(:limit AS bigint))
        FOR NO KEY UPDATE SKIP LOCKED) t)
"""
_BOTH = """
    ready AS (SELECT * FROM held UNION ALL SELECT * FROM free),
    c AS MATERIALIZED (
"""
_SPENT = """
    spent AS (
      UPDATE kind_limits l
      SET tokens = holdgate_tokens(l, coalesce(CAST(:now AS timestamptz), now())) - n.n,
          tokens_at = greatest(l.tokens_at, coalesce(CAST(:now AS timestamptz), now()))
      FROM (SELECT kind, count(*) AS n FROM claimed GROUP BY kind) n
      WHERE l.kind = n.kind AND l.rate_count IS NOT NULL)
    SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM free) > CAST(:look AS bigint) AS spare,
"""


def _claim(free: str, among: str) -> TextClause:
    both = "free AS MATERIALIZED (" + free + "), " + _BOTH + FITTING + TAKE
    return text(", ".join((_ROOMS + among + _HELD, both, _SPENT + CLAIMED)))


_CLAIM = _claim(FREE, AMONG)
_CLAIM_SUSPECTS = _claim(FREE_SUSPECTS, SUSPECTS)


async def claim(
    session: WriteSession,
    *,
    queue: str,
    kinds: list[str],
    worker: UUID,
    limit: int,
    lease: timedelta,
    places: FreePlaces = NO_POOLS,
    losses: Losses = ANY,
    now: datetime | None = None,
) -> Claim:
    """`claims.claim_tasks`, with the tasks of limited kinds for which there is room."""
    values = {"queue": queue, "kinds": kinds, "worker": worker, "limit": limit, "lease": lease, "now": now}
    values |= {"look": places.look(limit), **places.parameters(), **losses._asdict()}
    asked = {"queue": queue, "kinds": kinds, "now": now}
    waiting = (await session.execute(_WAITING, asked)).all()
    wait = min((row.wait for row in waiting if row.wait is not None), default=None)
    with_room = sorted(row.kind for row in waiting if row.room > 0)
    if not with_room:
        free = await claims.claim_tasks(
            session,
            queue=queue,
            kinds=kinds,
            worker=worker,
            limit=limit,
            lease=lease,
            places=places,
            losses=losses,
            now=now,
        )
        return Claim(free, wait)
    await session.execute(_LOCK, {"limited": with_room})
    statement = _CLAIM_SUSPECTS if losses.least else _CLAIM
    rows = (await session.execute(statement, {**values, "limited": with_room})).all()
    if rows and rows[0].spare:
        session.announce(f"queue:{queue}")
    tasks = [Claimed(*row[1:]) for row in rows]
    return Claim(tasks, wait, any(task.kind in with_room for task in tasks))


async def limited_kinds(session: AsyncSession) -> frozenset[str]:
    return frozenset((await session.execute(select(KindLimit.kind).where(KindLimit.limited))).scalars())


async def declare(session: WriteSession, kinds: list[AnyKind]) -> None:
    """Bring the limits that no person has set to what the code of this process declares."""
    told = {row.kind: row for row in (await session.execute(select(KindLimit))).scalars()}
    for kind in kinds:
        wanted, row = KindLimits(kind.concurrency, kind.rate), told.get(kind.name)
        there = KindLimits() if row is None else limits_of(row)
        if wanted != there and (row is None or row.set_by is None):
            await _write(session, kind.name, wanted, None, only_declared=True)


async def set_limits(
    session: WriteSession, by: Principal, kind: str, limits: KindLimits | None, *, now: datetime | None = None
) -> None:
    """Set what holds from now on; None is what the code declares. Takes hold within seconds; what runs goes on.

    Raises:
        NotFound: there is no such kind.
    """
    known = {each.name: each for each in all_kinds()}
    if kind not in known and await find_limit(session, kind) is None:
        raise NotFound("No such kind.")
    if limits is None:
        declared = known.get(kind)
        limits = KindLimits(declared.concurrency, declared.rate) if declared else KindLimits()
        await _write(session, kind, limits, None, now=now)
    else:
        await _write(session, kind, limits, by.email, now=now)


async def _write(
    session: WriteSession,
    kind: str,
    limits: KindLimits,
    set_by: str | None,
    *,
    only_declared: bool = False,
    now: datetime | None = None,
) -> None:
    rate, at = limits.rate, _at(now)
    values: dict[str, Any] = {
        "concurrency": limits.concurrency,
        "rate_count": rate.count if rate else None,
        "rate_per": rate.per if rate else None,
        "limited": limits != KindLimits(),
        "set_by": set_by,
        "changed_at": at,
        "settled_at": None,
    }
    full = rate.count if rate else 0
    row = insert(KindLimit).values(kind=kind, **values, tokens=full, tokens_at=at)
    # A new rate is no new bucket: what was used up stays used up.
    left = func.least(full, func.coalesce(func.holdgate_tokens(text("kind_limits"), at), full))
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[KindLimit.kind],
            set_={**values, "tokens": left, "tokens_at": at},
            where=KindLimit.set_by.is_(None) if only_declared else None,
        )
    )
    session.announce(TOPIC)


# Into the limited line in the order they have; back into the free one behind its head, or its clock would run back.
_MARK = text(
    """
    WITH stray AS (
      SELECT t.id, t.position, l.limited
      FROM tasks t JOIN kind_limits l USING (kind)
      WHERE l.kind = :kind AND t.state IN ('queued', 'running') AND t.limited <> l.limited
      LIMIT :limit FOR NO KEY UPDATE OF t SKIP LOCKED),
    numbered AS (SELECT *, row_number() OVER (ORDER BY position) AS n FROM stray)
    UPDATE tasks t
    SET limited = s.limited,
        position = CASE WHEN s.limited OR t.state = 'running' THEN t.position
                        ELSE greatest(t.position, holdgate_head(t.queue, t.priority) + s.n) END
    FROM numbered s WHERE t.id = s.id
    RETURNING t.queue
    """
)


async def settle(session: WriteSession, *, limit: int = 1000, now: datetime | None = None) -> bool:
    """The sweeper's beat: mark the waiting and running tasks of kinds whose limit has changed. True: there is more to
    do. Until half a minute after the change, so that no older transaction can still add one that nobody marks."""
    unsettled = await session.execute(select(KindLimit.kind).where(KindLimit.settled_at.is_(None)))
    more = False
    for kind in unsettled.scalars().all():
        queues = list((await session.execute(_MARK, {"kind": kind, "limit": limit})).scalars())
        for queue in set(queues):
            session.announce(f"queue:{queue}")
        if len(queues) == limit:
            more = True
            continue
        await session.execute(
            update(KindLimit)
            .where(KindLimit.kind == kind, KindLimit.changed_at < _at(now) - timedelta(seconds=30))
            .values(settled_at=_at(now))
            .execution_options(synchronize_session=False)
        )
    return more


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, KindLimit.changed_at.type)


def limits_of(row: KindLimit) -> KindLimits:
    rate = Rate(row.rate_count, row.rate_per) if row.rate_count and row.rate_per else None
    return KindLimits(row.concurrency, rate)


async def find_limit(session: AsyncSession, kind: str) -> KindLimit | None:
    return (await session.execute(select(KindLimit).where(KindLimit.kind == kind))).scalars().first()


async def all_limits(session: AsyncSession) -> dict[str, KindLimit]:
    return {row.kind: row for row in (await session.execute(select(KindLimit))).scalars()}


async def latest_events(session: AsyncSession, limit: int = 20) -> list[KindLimitEvent]:
    """Who set which limit, newest first."""
    found = await session.execute(select(KindLimitEvent).order_by(KindLimitEvent.id.desc()).limit(limit))
    return list(found.scalars())
