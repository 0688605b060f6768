"""Runs as CSV or JSON, with how many of their tasks are in each state."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from holdgate.accounts import service as accounts
from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text
from holdgate.runs import queries
from holdgate.runs.progress import progress_of
from holdgate.runs.queries import RunFilter
from holdgate.stats import counts as stats
from holdgate.tasks.states import STANDINGS

COLUMNS = ("id", "name", "state", "owner", "created_at", "finished_at", "tasks", *STANDINGS)


def rows(
    database: Database,
    by: Principal,
    wanted: RunFilter = RunFilter(),  # noqa: B008
    *,
    size: int = exports.CHUNK,
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Newest first, as the list."""

    async def read(session: ReadSession, place: Cursor | None, limit: int) -> Sequence[dict[str, Any]]:
        runs = await queries.list_runs(session, by.scope, place, limit, wanted=wanted)
        counts = await stats.counts_by_run(session, [run.id for run in runs])
        owners = await accounts.emails_of(session, [run.owner_id for run in runs])
        found: list[dict[str, Any]] = []
        for run in runs:
            progress = progress_of(run, counts[run.id])
            row = {
                "id": run.id,
                "name": masked_text(run.name),
                "state": progress.state,
                "owner": owners.get(run.owner_id, ""),
                "created_at": run.created_at,
                "finished_at": run.finished_at,
                "tasks": progress.total,
            }
            found.append(row | dict.fromkeys(STANDINGS, 0) | dict(progress.segments))
        return found

    return exports.chunks(database, read, lambda row: Cursor(row["created_at"], row["id"]), size)
