"""What the decorator of kinds refuses, where it is written and not when a worker has to live by it."""

import pickle
from datetime import timedelta
from typing import Any

import pytest

from holdgate.core.db import Database
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


async def alone(payload: dict[str, Any]) -> None: ...
async def bare(ctx: Any, payload) -> None: ...  # type: ignore[no-untyped-def]
async def number(ctx: Any, payload: int) -> None: ...
async def opaque(ctx: Any, payload: Database) -> None: ...
async def more(ctx: Any, payload: dict[str, Any], third: str) -> None: ...
async def unknown(ctx: Any, payload: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def blocking(payload: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "said"),
    [
        (alone, {}, r"takes \(payload: dict"),
        (bare, {}, "'payload' has no annotation"),
        (number, {}, "is no object in JSON"),
        (opaque, {}, "can't be read from JSON.*Use a dataclass, a msgspec struct, a pydantic model"),
        (more, {}, "takes"),
        (unknown, {}, "Nowhere"),
        (blocking, {}, "it is not async"),
        (nothing, {"runs_in": "thread"}, "it is async"),
    ],
)
def test_a_handler_that_could_not_be_called_is_refused_when_it_is_declared(
    monkeypatch: pytest.MonkeyPatch, handler: Any, options: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    with pytest.raises(TypeError, match=rf"test\.wrong.*{said}"):
        kind("test.wrong", **options)(handler)
    assert kinds._CATALOGUE == {}


@pytest.mark.parametrize("name", ["", "1st", "with space", "é", "a" * 101, None])
def test_a_name_that_nothing_can_be_found_by_is_refused(monkeypatch: pytest.MonkeyPatch, name: Any) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    with pytest.raises(ValueError, match="can't be a kind's name"):
        kind(name)(nothing)


def test_a_kind_travels_to_another_process_by_where_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    made = kind("test.there", runs_in="process")(blocking)
    assert pickle.loads(pickle.dumps(made)) is blocking  # its module names it so; decorated it is the kind itself


def test_the_widest_bounds_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", {})
    kind("test.wide", max_attempts=1000, concurrency=1_000_000, rate=Rate(1_000_000, timedelta(days=365)))(nothing)
    assert list(kinds._CATALOGUE) == ["test.wide"]
