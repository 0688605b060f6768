"""After a restore: the event log and its readers, brought to the transaction ids of the cluster they now live in.

Events carry the id of their transaction, and readers a cursor in the same numbers. A dump takes both along, but a new
cluster begins to count afresh: its events would stand below every cursor and never be read, until its numbers have
caught up, when old events would be read a second time. A cursor in the future is how that is seen: in the cluster that
wrote it none can be. A physical copy (point-in-time recovery, a promoted replica) keeps its numbers and needs nothing.
"""

from typing import Any

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.telemetry import log

logger = log.get(__name__)

_FOREIGN = text(
    """
    SELECT EXISTS (SELECT FROM rollup WHERE upto > pg_snapshot_xmin(pg_current_snapshot()))
        OR EXISTS (SELECT FROM log_followers WHERE upto > pg_snapshot_xmin(pg_current_snapshot()))
    """
)
# Readers first, then the log, as every reader does: it writes events of its own while it holds its cursor.
_LOCKS = (
    text("SELECT FROM rollup FOR UPDATE"),
    text("SELECT FROM log_followers ORDER BY name FOR UPDATE"),
    text("LOCK TABLE task_log, run_events IN SHARE ROW EXCLUSIVE MODE"),
)
_CURSORS = text(
    """
    SELECT CAST(array_agg(upto ORDER BY upto) AS text)
    FROM (SELECT upto FROM rollup UNION SELECT upto FROM log_followers) AS cursors
    """
)
# All that matters of a number is on which side of each cursor it stands: so it becomes the number of cursors it has
# reached, and the cursors 1, 2, 3, … – below every number that a cluster gives. What was written here since the restore
# keeps its own: its row is younger than the index, which a restore makes after it has filled the table.
_EVENTS = """
    UPDATE {table} e SET xid = CAST(CAST(width_bucket(e.xid, CAST(CAST(:cursors AS text) AS xid8[])) AS text) AS xid8)
    WHERE age(e.xmin) >= (SELECT age(i.xmin) FROM pg_index i WHERE i.indexrelid = CAST(:index AS regclass))
       OR e.xid >= pg_snapshot_xmax(pg_current_snapshot())
"""
_TASK_EVENTS, _RUN_EVENTS = text(_EVENTS.format(table="task_log")), text(_EVENTS.format(table="run_events"))
_CURSOR = """
    UPDATE {table} SET upto = CAST(CAST(width_bucket(upto, CAST(CAST(:cursors AS text) AS xid8[])) AS text) AS xid8)
"""
_ROLLUP, _FOLLOWERS = text(_CURSOR.format(table="rollup")), text(_CURSOR.format(table="log_followers"))
_UNLOCK = text("ALTER TABLE task_log DISABLE TRIGGER task_log_immutable")
_LOCK_AGAIN = text("ALTER TABLE task_log ENABLE TRIGGER task_log_immutable")


async def rebase(session: WriteSession) -> int | None:
    """Bring the log here if it came from another cluster; how many events it has then, else None.

    Takes as long as writing every event anew. Only the owner of the tables can: the log is closed to changes.
    """
    if not (await session.execute(_FOREIGN)).scalar_one():
        return None
    for statement in _LOCKS:
        await session.execute(statement)
    if not (await session.execute(_FOREIGN)).scalar_one():  # somebody else has been faster
        return None
    cursors = (await session.execute(_CURSORS)).scalar_one()
    await session.execute(_UNLOCK)
    changed: Any = await session.execute(_TASK_EVENTS, {"cursors": cursors, "index": "task_log_pkey"})
    await session.execute(_RUN_EVENTS, {"cursors": cursors, "index": "run_events_xid_idx"})
    await session.execute(_LOCK_AGAIN)
    for statement in (_ROLLUP, _FOLLOWERS):
        await session.execute(statement, {"cursors": cursors})
    logger.warning("log_rebased", events=changed.rowcount, cursors=cursors)
    return int(changed.rowcount)
