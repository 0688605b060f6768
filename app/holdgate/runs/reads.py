"""Runs as they stand: how far each is, when it is likely done, how many people it waits for, and what others tell of
one: runs know no kind of task."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.feature import parts
from holdgate.runs import pace_queries
from holdgate.runs.models import Run
from holdgate.runs.progress import Progress, progress_of
from holdgate.runs.waiting import people_of


class RunFacts(NamedTuple):
    """A section of a run's page: lines, each with how many tasks it is of."""

    id: str
    title: str
    facts: list[tuple[str, int]]


# Tells of a run by its id.
Teller = Callable[[AsyncSession, UUID], Awaitable[RunFacts | None]]


async def facts_of(session: AsyncSession, run_id: UUID) -> list[RunFacts]:
    tellers: Sequence[Teller] = parts("run_facts")
    told = [await tell(session, run_id) for tell in tellers]
    return [facts for facts in told if facts is not None]


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
