"""How people answer, for Prometheus: read from what is folded, so as quick with any history."""

from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.figures import queries
from holdgate.core.telemetry.metrics import Families, counter, gauge, histogram
from holdgate.stats.histograms import PER_DOUBLING, Histogram

# Powers of two milliseconds, where buckets end: 1, 4 and 17 minutes, 1.2, 4.7 and 19 hours, 3 and 12 days.
DOUBLINGS = (16, 18, 20, 22, 24, 26, 28, 30)
BOUNDS = tuple(2**doubling / 1000 for doubling in DOUBLINGS)


async def families(session: AsyncSession) -> Families:
    counts = await queries.counts(session)
    seconds = {(row.kind, row.group_name): row.seconds for row in counts if row.event == "decided"}
    oldest = await queries.oldest_open(session)
    waiting, people = await queries.waiting_turns(session)
    return [
        counter(
            "holdgate_approval_events",
            "People asked, told by email, not reached, who decided, or let the time pass, by kind and group.",
            ("kind", "group", "event"),
            {(row.kind, row.group_name, row.event): row.n for row in counts},
        ),
        histogram(
            "holdgate_approval_decision_seconds",
            "From a person's email to their decision, by kind and group.",
            ("kind", "group"),
            BOUNDS,
            {key: (_in_bounds(found), seconds.get(key, 0.0)) for key, found in (await queries.times(session)).items()},
        ),
        gauge(
            "holdgate_approvals_oldest_open_seconds",
            "How long ago the oldest open request was made; 0 without one.",
            (),
            {(): oldest.total_seconds() if oldest else 0.0},
        ),
        gauge(
            "holdgate_approvals_waiting_for_turn",
            "Requests that wait until their people have room for them (APPROVALS_AT_ONCE), for each person asked.",
            (),
            {(): waiting},
        ),
        gauge(
            "holdgate_approvals_people_without_room",
            "People for whom requests wait.",
            (),
            {(): people},
        ),
    ]


def _in_bounds(found: Histogram) -> list[int]:
    """How many are up to each bound, and all of them at the end."""
    each = [0] * (len(DOUBLINGS) + 1)
    for bucket, n in found.items():
        each[next((at for at, end in enumerate(DOUBLINGS) if bucket <= end * PER_DOUBLING), len(DOUBLINGS))] += n
    return list(accumulate(each))
