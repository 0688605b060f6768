"""Followers of the event log: each reads every event once, in the order of what is final, up to a cursor of its own.

A follower's effects and the advance of its cursor commit together: killed in between, both happen again from the same
place; of two at once, the second waits at the cursor and finds nothing left.
"""

from typing import Any, NamedTuple

from sqlalchemy import text

from holdgate.core.db import WriteSession

# Beyond all transactions. Of what follows a cursor the planner expects a third of the log; of a range, as which this
# bounds it, a two-hundredth.
BEYOND = "CAST('18446744073709551615' AS xid8)"


class Window(NamedTuple):
    """The events of transactions from `upto` until before `horizon`. All have ended: none can still add one.

    `last`: there are no more that are final.
    """

    upto: str
    horizon: str
    last: bool = True

    @property
    def bounds(self) -> dict[str, str]:
        """As parameters of a statement."""
        return {"upto": self.upto, "horizon": self.horizon}


_UPTO = text("SELECT CAST(upto AS text) FROM log_followers WHERE name = :name FOR UPDATE")
_HORIZON = text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)")
_ANY = text(
    """
    SELECT EXISTS (SELECT FROM task_log WHERE xid >= CAST(CAST(:upto AS text) AS xid8)
                                             AND xid < CAST(CAST(:horizon AS text) AS xid8))
        OR EXISTS (SELECT FROM run_events WHERE xid >= CAST(CAST(:upto AS text) AS xid8)
                                            AND xid < CAST(CAST(:horizon AS text) AS xid8))
    """
)
# The transaction in which the event after the first `most` was written. Events are numbered: between the first and the
# last are about as many as their numbers say, and only if these are too many they are counted one by one.
_BOUND = text(
    """
    WITH it AS (SELECT CAST(CAST(:upto AS text) AS xid8) AS upto, CAST(CAST(:horizon AS text) AS xid8) AS horizon)
    SELECT CASE WHEN (SELECT id FROM task_log WHERE xid >= upto AND xid < horizon ORDER BY xid DESC, id DESC LIMIT 1)
                   - (SELECT id FROM task_log WHERE xid >= upto AND xid < horizon ORDER BY xid, id LIMIT 1) >= :most
           THEN (SELECT CAST(xid AS text) FROM task_log WHERE xid >= upto AND xid < horizon
                 ORDER BY xid OFFSET :most LIMIT 1)
           END
    FROM it
    """
)
_ADVANCE = text("UPDATE log_followers SET upto = CAST(CAST(:horizon AS text) AS xid8) WHERE name = :name")


async def next_window(session: WriteSession, name: str, *, most: int | None = None) -> Window | None:
    """What the follower has not read, its cursor already set behind it; None when nothing has happened.

    Args:
        most: about so many events of tasks at a time; a single transaction is never cut.
    """
    upto = (await session.execute(_UPTO, {"name": name})).scalar_one()
    # A statement of its own, after the lock: what comes later sees everything below this horizon.
    horizon = (await session.execute(_HORIZON)).scalar_one()
    window = {"upto": upto, "horizon": horizon}
    if not (await session.execute(_ANY, window)).scalar_one():
        return None
    last = True
    if most is not None and (bound := await bound_of(session, upto, horizon, most)) is not None:
        horizon, last = bound, False
    await session.execute(_ADVANCE, {"name": name, "horizon": horizon})
    return Window(upto, horizon, last)


async def bound_of(session: WriteSession, upto: str, horizon: str, most: int) -> str | None:
    """A horizon before which there are about `most` events of tasks; None: not so many."""
    found: Any = (await session.execute(_BOUND, {"upto": upto, "horizon": horizon, "most": most})).scalar()
    # One transaction alone may be larger: then it is read whole.
    return None if found is None else str(max(int(found), int(upto) + 1))
