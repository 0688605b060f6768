"""What a chart says before anybody draws it: round ticks, a scale that outliers do not flatten, and a zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from holdgate.core.text import zones
from holdgate.web.charts import MOST_TICKS, MOST_TIMES, Chart, Form, Row, Scale, Series, scale_of, times_of

AT = datetime(2026, 3, 28, 9, 5, tzinfo=UTC)


@pytest.fixture
def berlin() -> Iterator[None]:
    zones.show(ZoneInfo("Europe/Berlin"))
    yield
    zones.show(zones.UTC)


@pytest.mark.parametrize(
    ("heights", "unit", "words"),
    [
        ([], "tasks", ["0", "1"]),
        ([0, 0], "tasks", ["0", "1"]),
        ([1], "tasks", ["0", "1"]),
        ([7, 3], "tasks", ["0", "2", "4", "6", "8"]),
        ([41_000], "tasks", ["0", "20\u202f000", "40\u202f000", "60\u202f000"]),
        ([0.0005], "seconds", ["0", "1 ms"]),
        ([0.34], "seconds", ["0", "100 ms", "200 ms", "300 ms", "400 ms"]),
        ([250.0], "seconds", ["0", "2 min", "4 min", "6 min"]),
        ([3 * 86400.0], "seconds", ["0", "1 d", "2 d", "3 d"]),
        ([900 * 86400.0], "seconds", ["0", "500 d", "1000 d"]),
    ],
)
def test_the_ticks_are_round_with_their_unit_and_at_least_two(
    heights: list[float], unit: str, words: list[str]
) -> None:
    scale = scale_of(heights, "seconds" if unit == "seconds" else "tasks")
    assert [word for _, word in scale.ticks] == words
    assert len(scale.ticks) <= MOST_TICKS + 1
    assert scale.ticks[-1][0] == pytest.approx(scale.top)
    assert scale.top >= max(heights, default=0)
    assert scale.clipped == 0


def test_a_few_outliers_are_cut_off_and_counted_and_many_are_not() -> None:
    usual = [float(n % 5 + 1) for n in range(58)]
    scale = scale_of([*usual, 900.0, 700.0], "seconds")
    assert scale.top < 15
    assert scale.clipped == 2
    assert scale_of([*usual, *[900.0] * 10], "seconds").clipped == 0
    assert scale_of([1.0, 1.0, 900.0], "seconds").clipped == 0, "three numbers tell nothing of what is usual"


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(hours=1), ["10:10", "10:20", "10:30", "10:40", "10:50", "11:00"]),
        # The clocks go from two to three o'clock in this night.
        (timedelta(days=1), ["12:00", "15:00", "18:00", "21:00", "29 Mar", "03:00", "06:00", "09:00"]),
        (timedelta(days=7), ["29 Mar", "30 Mar", "31 Mar", "1 Apr", "2 Apr", "3 Apr", "4 Apr"]),
    ],
)
def test_the_times_are_round_on_the_clock_of_who_looks(length: timedelta, words: list[str]) -> None:
    times = times_of(AT, AT + length)
    assert [word for _, word in times] == words
    assert len(times) <= MOST_TIMES
    assert all(AT.timestamp() <= at < (AT + length).timestamp() for at, _ in times)


@pytest.mark.parametrize(("form", "heights"), [("stacked", [5, 1]), ("layered", [3, 1]), ("lines", [3, 1])])
def test_the_height_of_a_row_is_what_is_drawn_of_it(form: Form, heights: list[float]) -> None:
    rows = [Row(AT, [2, 3]), Row(AT, [None, None]), Row(AT, [None, 1])]
    series = [Series("Succeeded", "succeeded"), Series("Failed", "dead_letter")]
    chart = Chart(key="x", title="X", form=form, unit="tasks", series=series, rows=rows, span=timedelta(minutes=1))
    assert chart.heights == heights
    low = Scale(top=2, ticks=[], clipped=1)
    assert [chart.above(row, low) for row in rows] == [str(heights[0]), None, None]
