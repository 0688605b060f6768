"""When a run is likely done: from how quickly its tasks have been leaving the workers' hands in the last minutes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

import msgspec

from holdgate.tasks.states import HOLDS, TaskState

FEWEST = 3  # tasks that must have left, and
SHORTEST = timedelta(seconds=10)  # for so long, before their pace says anything
FARTHEST = timedelta(days=30)  # what is farther off is no estimate any more
LATER = (TaskState.SCHEDULED, TaskState.RETRYING)


class Pace(NamedTuple):
    """In the minutes looked at, `n` tasks left a worker, to their end or to wait for people, from `since` on."""

    n: int
    since: datetime
    now: datetime


class Forecast(msgspec.Struct, frozen=True):
    """`at`: when the workers are likely done; None without anything to tell it by. The rest counts tasks: ready or at
    work, waiting for people, for a later time, and held back with their run. `waits_for`: how many people those of
    `people` wait for; None when that is not known."""

    at: datetime | None
    ready: int
    people: int
    later: int
    paused: int
    soon: bool = False
    waits_for: int | None = None


def forecast(
    counts: Mapping[str, int], pace: Pace | None, started_at: datetime, waits_for: int | None = None
) -> Forecast:
    """Args:
    counts: how many tasks are in each state.
    waits_for: how many people they wait for (runs/waiting.py).
    """
    ready = counts.get(TaskState.QUEUED, 0) + counts.get(TaskState.RUNNING, 0)
    left = _time_left(ready, pace, started_at)
    return Forecast(
        at=pace.now + left if pace and left is not None else None,
        ready=ready,
        people=sum(counts.get(state, 0) for state in HOLDS),
        later=sum(counts.get(state, 0) for state in LATER),
        paused=counts.get(TaskState.PAUSED, 0),
        soon=left is not None and left < timedelta(minutes=1),
        waits_for=waits_for,
    )


def _time_left(ready: int, pace: Pace | None, started_at: datetime) -> timedelta | None:
    """What waits for people, or for a later time, has no end that could be reckoned; it is left out, and said."""
    if not ready or pace is None or pace.n < FEWEST:
        return None
    took = pace.now - max(pace.since, started_at)
    if took < SHORTEST or (took / pace.n) > FARTHEST / ready:
        return None
    return timedelta(seconds=ceil((took / pace.n * ready).total_seconds()))
