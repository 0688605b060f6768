"""What has been seen, as figures: by nearest rank, from every single request and task."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil

import msgspec

from holdgate.client import TaskItem
from holdgate.load.mix import SHAPES


class Spread(msgspec.Struct, frozen=True):
    """Seconds. `n` values; all 0 when there is none."""

    n: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


def spread_of(values: Iterable[float]) -> Spread:
    found = sorted(values)
    if not found:
        return Spread()
    p50, p95, p99 = (found[ceil(share * len(found)) - 1] for share in (0.5, 0.95, 0.99))
    return Spread(len(found), p50, p95, p99, found[-1])


class Course(msgspec.Struct, frozen=True):
    """How the tasks of one shape went. `wait`: from its making to its first claim; `work`: from there to its end, with
    retries and the people it waited for; `whole`: both."""

    states: dict[str, int]
    wait: Spread
    work: Spread
    whole: Spread


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds`: from the first request until it was over; `a_second`: tasks from the first one's making to the last
    one's end. `otherwise`: not where its shape has to end. `missing` is negative when some were made twice."""

    run_url: str
    seconds: float
    sent: int
    accepted: int
    refused: dict[str, int]
    told_to_wait: int
    broken: int
    late: float
    requests: Spread
    courses: dict[str, Course]
    ended: int
    otherwise: int
    missing: int
    a_second: float

    @property
    def fine(self) -> bool:
        return bool(self.accepted) and not (self.refused or self.otherwise or self.missing)


def courses_of(tasks: Iterable[TaskItem]) -> dict[str, Course]:
    """Shape → how its tasks went."""
    found: dict[str, list[TaskItem]] = {}
    for task in tasks:
        found.setdefault(task.title, []).append(task)
    return {
        name: Course(
            states=dict(Counter(task.state for task in its)),
            wait=spread_of(_between(task.created_at, task.started_at) for task in its if task.started_at),
            work=spread_of(_between(task.started_at, task.finished_at) for task in its if _worked(task)),
            whole=spread_of(_between(task.created_at, task.finished_at) for task in its if task.finished_at),
        )
        for name, its in sorted(found.items())
    }


def _worked(task: TaskItem) -> bool:
    return task.started_at is not None and task.finished_at is not None


def _between(begin: datetime | None, end: datetime | None) -> float:
    assert begin is not None and end is not None
    return max(0.0, (end - begin).total_seconds())


def as_they_should(courses: Mapping[str, Course]) -> int:
    """How many tasks are where their shape has to end."""
    return sum(course.states.get(SHAPES[name].ends, 0) for name, course in courses.items() if name in SHAPES)


def pace(tasks: Iterable[TaskItem]) -> float:
    """Tasks that ended, for each second from the first one's making to the last one's end."""
    its = list(tasks)
    ended = [task.finished_at for task in its if task.finished_at is not None]
    if not ended:
        return 0.0
    seconds = (max(ended) - min(task.created_at for task in its)).total_seconds()
    return len(ended) / max(seconds, 0.001)
