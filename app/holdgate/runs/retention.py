"""How runs go: a finished one of which no task is left after a time, and one that somebody deletes.

A deleted run leaves the lists at once; its tasks go in the background, into the archive first where there is one. Those
on which people have decided stay, and so does the run's page for them: decisions are evidence.
"""

from functools import partial
from uuid import UUID

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.principal import Principal
from holdgate.core.retention.pruning import Expiring
from holdgate.core.upkeep import Round
from holdgate.runs import queries
from holdgate.runs.errors import RunNotFound
from holdgate.tasks.artifacts import forget_files
from holdgate.tasks.queue import archiving, retention

RUNS = Expiring(
    "runs",
    text(
        "SELECT l.id, l.finished_at AS at, to_jsonb(l) || jsonb_build_object('events', ("
        "   SELECT jsonb_agg(to_jsonb(e) - 'xid' ORDER BY e.id) FROM run_events e WHERE e.run_id = l.id)) AS line"
        " FROM runs l"
        " WHERE l.finished_at < now() - CAST(:kept AS interval)"
        "   AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = l.id) ORDER BY l.finished_at LIMIT :limit"
    ),
    text(
        """
        WITH gone AS (
          DELETE FROM runs r WHERE r.id = ANY(CAST(:ids AS uuid[])) AND r.finished_at BETWEEN :first AND :last
            AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = r.id)
          RETURNING r.id),
        times AS (DELETE FROM run_times WHERE run_id IN (SELECT id FROM gone))
        DELETE FROM run_minutes WHERE run_id IN (SELECT id FROM gone)
        """
    ),
)
DELETED = text("EXISTS (SELECT FROM runs WHERE deleted_at IS NOT NULL AND emptied_at IS NULL)")


async def delete_run(session: WriteSession, by: Principal, run_id: UUID) -> None:
    """Raises:
    RunNotFound: also a deleted one. Conflict: some of its tasks have not ended.
    """
    if not await queries.mark_deleted(session, run_id, by.scope):
        raise RunNotFound
    if await queries.has_unfinished(session, run_id):  # whoever adds some waits for this, and finds it deleted
        raise Conflict("Some tasks of this run have not ended. Cancel the run first, then delete it.")


async def discard(session: WriteSession, sweep: Round) -> bool:
    """The sweeper's beat: a chunk of the tasks of a deleted run. True: there is more to do."""
    run_id = await queries.deleted_run(session)
    if run_id is None:
        return False
    ids = await retention.discardable(session, run_id, limit=archiving.CHUNK)
    if not ids:
        await queries.settle_deleted(session, run_id)
    elif sweep.settings.retention_archive:
        sweep.after.append(partial(archiving.archive_finished, sweep.database, sweep.settings, ids))
        return False  # not before they are in the archive, whose store may be away
    elif files := await retention.delete_finished(session, ids):
        # Only after the commit: rows that came back by a rollback must have their files.
        sweep.after.append(partial(forget_files, sweep.settings, files))
    return True
