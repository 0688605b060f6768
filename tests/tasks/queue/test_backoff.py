"""How long the next attempt waits, whatever the numbers are."""

from datetime import timedelta

import pytest

from holdgate.runtime.errors import RetryAfter
from holdgate.tasks.kinds import Backoff

SECOND = timedelta(seconds=1)


def test_the_wait_doubles_up_to_its_cap() -> None:
    backoff = Backoff(base=2 * SECOND, cap=timedelta(hours=1))
    waits = [backoff.ceiling(failures).total_seconds() for failures in (1, 2, 3, 11, 12, 13)]
    assert waits == [2, 4, 8, 2048, 3600, 3600]


@pytest.mark.parametrize("failures", [47, 1000, 32_767])
@pytest.mark.parametrize("factor", [2.0, 1e300])
def test_no_number_of_failures_is_too_many(failures: int, factor: float) -> None:
    assert Backoff(factor=factor).ceiling(failures) == timedelta(hours=1)
    assert Backoff(base=timedelta(0), factor=factor).ceiling(failures) == timedelta(0)
    assert Backoff(factor=0.5).ceiling(failures) < SECOND


@pytest.mark.parametrize(
    "wrong",
    [{"cap": timedelta.max}, {"base": -SECOND}, {"factor": float("inf")}, {"factor": float("nan")}, {"factor": 0.0}],
)
def test_a_backoff_by_which_nothing_can_be_planned_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="backoff"):
        Backoff(**wrong)  # type: ignore[arg-type]


def test_a_number_is_no_time_to_wait() -> None:
    with pytest.raises(TypeError, match="timedelta"):
        RetryAfter(30, "later")  # type: ignore[arg-type]
