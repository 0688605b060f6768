"""What the overview says: what needs a person now, the figures of a period, and how queues and workers stand."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import Database, ReadSession
from holdgate.core.principal import Principal
from holdgate.overview.first_steps import FirstStep, first_steps
from holdgate.overview.needs import Need, needs_of
from holdgate.stats import counts as stats
from holdgate.stats.depths import Depth, depths_since
from holdgate.stats.failures import ErrorSummary, failures_in
from holdgate.stats.rollups import Period
from holdgate.stats.summaries import StatsSummary, figures_of
from holdgate.tasks import queues
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.queues import QueueLine
from holdgate.tasks.search import lists
from holdgate.tasks.search.lists import LivingWorker
from holdgate.tasks.states import TaskState

# What waits for an answer, ended without a yes, or is paused (overview/pages/resume.py).
RESUMABLE = (TaskState.NEEDS_AUTH, TaskState.NEEDS_INPUT, TaskState.REJECTED, TaskState.EXPIRED, TaskState.PAUSED)
# What a chart of throughput counts, from the bottom up; an attempt that failed comes back as `retrying`.
OUTCOMES = [TaskState.SUCCEEDED, TaskState.RETRYING, TaskState.DEAD_LETTER]


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """Workers by state; of those that live, how many tasks they have in hand and could have at once, and since when
    the last of them has been heard of."""

    states: dict[str, int]
    in_hand: int
    places: int
    memory: int
    seen_at: datetime | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` are without Holdgate's own work, which is `own`.

    `depths`: queue → span → how full it was; of everybody's tasks, so for administrators only.
    """

    needs: list[Need]
    started: bool
    counts: dict[str, int]
    own: dict[str, int]
    period: str
    figures: StatsSummary
    depths: dict[str, dict[datetime, Depth]]
    queues: list[QueueLine]
    failures: list[ErrorSummary]
    crew: Crew
    resumable: int
    steps: list[FirstStep]

    @property
    def rising(self) -> int:
        """Errors that came more often in the last third of the period than in the one before."""
        return sum(rises(each.by_span) for each in self.failures)


def rises(numbers: Sequence[int]) -> bool:
    third = max(len(numbers) // 3, 1)
    return sum(numbers[-third:]) > sum(numbers[-2 * third : -third])


async def overview_of(
    database: Database,
    settings: Settings,
    read: ReadSession,
    by: Principal,
    period: Period,
    *,
    failures: int,
    shown: str = "",
) -> Overview:
    """Args:
    failures: how many errors of the period at most.
    shown: the only kind that the figures of each span are of; empty: all but Holdgate's own work.
    """
    internal = {kind.name for kind in all_kinds() if kind.internal}
    by_kind = await stats.counts_by_kind(read, by.scope)
    counts: dict[str, int] = {}
    own: dict[str, int] = {}
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, kind), states in by_kind.items():
        for state, n in states.items():
            for line in (own if kind in internal else counts, by_queue.setdefault(queue, {})):
                line[state] = line.get(state, 0) + n
    workers = await lists.list_workers(read)
    lines = await queues.standing(read, by_queue, workers)
    async with database.read_replica(read) as past:
        figures = await figures_of(past, period, by.scope, [state.value for state in OUTCOMES], internal, shown=shown)
        spans = [point.at for point in figures.points]
        failed = await failures_in(past, period.span, spans, by.scope, failures)
        depths = await depths_since(past, period.span, spans[0]) if by.scope is None else {}
    return Overview(
        needs=await needs_of(read, by, settings, counts=by_kind, workers=workers, queues=lines),
        started=any(counts.values()),
        counts=counts,
        own=own,
        period=period.name,
        figures=figures,
        depths=depths,
        queues=lines,
        failures=failed,
        crew=crew_of(workers),
        steps=[] if any(counts.values()) else await first_steps(read, by),
        resumable=sum(counts.get(state, 0) + own.get(state, 0) for state in RESUMABLE),
    )


def crew_of(workers: list[LivingWorker]) -> Crew:
    alive = [each.worker for each in workers if each.state != "lost"]
    return Crew(
        states={state: sum(each.state == state for each in workers) for state in ("online", "draining", "lost")},
        in_hand=sum(worker.in_hand for worker in alive),
        places=sum(sum(worker.queues.values()) for worker in alive),
        memory=sum(worker.memory or 0 for worker in alive),
        seen_at=max((worker.seen_at for worker in alive), default=None),
    )
