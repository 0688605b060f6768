"""What a chart shows, ready to be drawn: numbers over time, round ticks, and a scale that outliers do not flatten.

The page has it as a table (templates/components/charts.html), which static/js/charts.js draws. All that is to be known
of numbers and times (units, zones, what is round) is known here, once.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from holdgate.core.text.zones import UTC, shown
from holdgate.web.filters import clock, duration, number

MOST_TICKS = 4  # above zero
MOST_TIMES = 8
OUTLIER = 3  # times what all but 5 of 100 stay within
FEWEST = 8  # numbers, below which nothing is called an outlier

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
_MINUTES = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_SPANS = (5, 10, 15, 30, 60, 120, 180, 360, 720)  # minutes between two ticks of time
DAY = 1440

Form = Literal["stacked", "layered", "lines"]
Unit = Literal["tasks", "seconds"]


class Series(msgspec.Struct, frozen=True):
    """`look`: the state whose colour it has, or `1` to `5`; `light`: a paler one."""

    name: str
    look: str
    light: bool = False


class Row(msgspec.Struct, frozen=True):
    """The numbers of the span that begins at `at`, None where there are none; `href` leads to its tasks."""

    at: datetime
    values: Sequence[float | None]
    href: str = ""

    @property
    def label(self) -> str:
        return clock(self.at)


class Scale(msgspec.Struct, frozen=True):
    """From 0 to `top`, with the numbers and words of its ticks. `clipped`: how many rows are higher."""

    top: float
    ticks: list[tuple[float, str]]
    clipped: int


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """`form`: columns upon each other, the first at the bottom; columns in front of each other, the first foremost; or
    lines. `key` names it in the page."""

    key: str
    title: str
    form: Form
    unit: Unit
    series: list[Series]
    rows: list[Row]
    span: timedelta

    @property
    def heights(self) -> list[float]:
        return [height for row in self.rows if (height := self._height(row)) is not None]

    @property
    def scale(self) -> Scale:
        return scale_of(self.heights, self.unit)

    @property
    def times(self) -> list[tuple[int, str]]:
        return times_of(self.rows[0].at, self.rows[-1].at + self.span) if self.rows else []

    def write(self, value: float | None) -> str:
        return written(value, self.unit)

    def above(self, row: Row, scale: Scale) -> str | None:
        """How high a row is that the scale cuts off."""
        height = self._height(row)
        return self.write(height) if height is not None and height > scale.top else None

    def _height(self, row: Row) -> float | None:
        there = [value for value in row.values if value is not None]
        if not there:
            return None
        return sum(there) if self.form == "stacked" else max(there)


def written(value: float | None, unit: Unit) -> str:
    return duration(value) if unit == "seconds" else number(value)


def scale_of(heights: Sequence[float], unit: Unit) -> Scale:
    """Round, with at least two ticks, zero included. A few that stand far above the rest are cut off."""
    highest = max(heights, default=0)
    usual = sorted(height for height in heights if height > 0)
    if len(usual) >= FEWEST and highest > OUTLIER * (most := usual[int(0.95 * (len(usual) - 1))]):
        highest = most * 1.25
    step = next(step for step in _steps(unit) if highest <= MOST_TICKS * step)
    top = step * max(math.ceil(highest / step - 1e-9), 1)
    ticks = [(step * n, written(step * n, unit) if n else "0") for n in range(round(top / step) + 1)]
    return Scale(top, ticks, sum(height > top for height in heights))


def _steps(unit: Unit) -> Sequence[float]:
    if unit == "seconds":
        return (*_SECONDS, *_MINUTES, *(each * 86400 for each in _decades()))
    return _decades()


def _decades() -> list[float]:
    return [digit * 10**power for power in range(16) for digit in (1, 2, 5)]


def times_of(first: datetime, end: datetime) -> list[tuple[int, str]]:
    """The round times from `first` until before `end` by the clock of who looks: seconds since 1970, and words."""
    zone = shown()
    minutes = (end - first) / timedelta(minutes=1)
    step = next((step for step in _SPANS if minutes <= MOST_TIMES * step), DAY)
    midnight = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    for n in range(math.ceil((minutes + 2 * DAY) / step)):
        wall = midnight + timedelta(minutes=n * step)
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        skipped = at.astimezone(zone).replace(tzinfo=None) != wall  # an hour that the clocks leave out
        if first <= at < end and not skipped:
            words = f"{wall:%H:%M}" if step < DAY and (wall.hour or wall.minute) else f"{wall.day} {wall:%b}"
            found.append((int(at.timestamp()), words))
    return found
