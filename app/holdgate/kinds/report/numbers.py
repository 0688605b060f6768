"""What a report says, added up task by task; formats only write it down."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from holdgate.stats.reports import TaskLine
from holdgate.tasks.states import TaskState

MOST_REASONS = 10
SPANS = (
    (timedelta(minutes=1), "%H:%M"),
    (timedelta(hours=1), "%d %b %H:00"),
    (timedelta(days=1), "%d %b"),
    (timedelta(days=30), "%d %b %Y"),
)


class Column(msgspec.Struct, frozen=True):
    """A span of time: how many tasks ended in it, well or otherwise."""

    label: str
    well: int
    otherwise: int


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds over all tasks; lists are ordered as they are to be shown."""

    title: str
    made_at: str
    total: int
    left_out: int
    waited: float
    worked: float
    with_people: float
    states: list[tuple[str, int]]
    kinds: list[tuple[str, int, int, int]]  # name, all, succeeded, dead letters
    reasons: list[tuple[str, int]]
    columns: list[Column]


class Adder:
    """Takes the tasks chunk by chunk."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._well: Counter[str] = Counter()
        self._buried: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._ends: list[tuple[datetime, bool]] = []
        self._times = [0.0, 0.0, 0.0]
        self.total = 0

    def add(self, lines: Iterable[TaskLine]) -> None:
        for line in lines:
            self.total += 1
            self._states[line.state] += 1
            self._kinds[line.kind] += 1
            well, buried = line.state == TaskState.SUCCEEDED, line.state == TaskState.DEAD_LETTER
            self._well[line.kind] += well
            self._buried[line.kind] += buried
            if buried:
                self._reasons[(line.reason or "No reason was stored.")[:200]] += 1
            if line.finished_at is not None:
                self._ends.append((line.finished_at, well))
            for n, seconds in enumerate((line.waited, line.worked, line.with_people)):
                self._times[n] += seconds

    def numbers(self, title: str, made_at: datetime, left_out: int) -> Numbers:
        waited, worked, with_people = self._times
        return Numbers(
            title=title,
            made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
            total=self.total,
            left_out=left_out,
            waited=waited,
            worked=worked,
            with_people=with_people,
            states=[(state.value, self._states[state]) for state in TaskState if self._states[state]],
            kinds=[(name, n, self._well[name], self._buried[name]) for name, n in self._kinds.most_common()],
            reasons=self._reasons.most_common(MOST_REASONS),
            columns=columns_of(self._ends),
        )


def columns_of(ends: list[tuple[datetime, bool]]) -> list[Column]:
    """At most about sixty spans of equal length, empty ones as well."""
    if not ends:
        return []
    first, last = min(at for at, _ in ends), max(at for at, _ in ends)
    step, form = next((s for s in SPANS if (last - first) / s[0] <= 60), SPANS[-1])
    seconds = step.total_seconds()
    start = datetime.fromtimestamp(first.timestamp() // seconds * seconds, first.tzinfo)
    count = int((last - start) / step) + 1
    well, otherwise = [0] * count, [0] * count
    for at, good in ends:
        (well if good else otherwise)[int((at - start) / step)] += 1
    return [Column((start + n * step).strftime(form), well[n], otherwise[n]) for n in range(count)]
