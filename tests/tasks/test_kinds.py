"""What the decorator of kinds refuses, where it is written and not when a worker has to live by it."""

from datetime import timedelta
from typing import Any

import pytest

from holdgate.tasks import kinds
from holdgate.tasks.kinds import Rate, kind


async def nothing(ctx: Any, payload: dict[str, Any]) -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"concurrency": 2**31}, "concurrency=2147483648"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": True}, "concurrency=True"),
        ({"concurrency": 2.5}, "concurrency=2.5"),
        ({"max_attempts": 0}, "max_attempts=0"),
        ({"max_attempts": 1001}, "max_attempts=1001"),
        ({"rate": Rate(2**31, timedelta(minutes=1))}, "rate.count=2147483648"),
        ({"rate": Rate(1, timedelta(days=366))}, "rate.per"),
        ({"rate": Rate(1, timedelta(microseconds=1))}, "rate.per"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"timeout": timedelta.max}, "timeout"),
        ({"queue": "Mail now"}, "queue='Mail now'"),
    ],
)
def test_a_kind_that_no_worker_could_live_by_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], named: str
) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    with pytest.raises(ValueError, match=r"The kind 'test\.wrong' has ") as refused:
        kind("test.wrong", **wrong)(nothing)
    assert named in str(refused.value)
    assert kinds._CATALOGUE == {}


def test_the_widest_bounds_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    kind("test.wide", max_attempts=1000, concurrency=1_000_000, rate=Rate(1_000_000, timedelta(days=365)))(nothing)
    assert list(kinds._CATALOGUE) == ["test.wide"]
