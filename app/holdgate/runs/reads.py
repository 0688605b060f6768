"""Runs as they stand: how far each is, when it is likely done, and how many people it waits for."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.runs import pace_queries
from holdgate.runs.models import Run
from holdgate.runs.progress import Progress, progress_of
from holdgate.runs.waiting import people_of


async def progress_of_each(
    session: AsyncSession,
    runs: Sequence[Run],
    counts: Mapping[UUID, dict[str, int]],
    owners: Mapping[UUID, str] | None = None,
) -> list[Progress]:
    """Args:
    counts: by run, how many of its tasks are in each state.
    owners: whose they are, for those who see everybody's.
    """
    paces = await pace_queries.paces_of(session, [run.id for run in runs])
    people = await people_of(session, counts)
    return [
        progress_of(run, counts[run.id], paces.get(run.id), (owners or {}).get(run.owner_id, ""), people.get(run.id))
        for run in runs
    ]
