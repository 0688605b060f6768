"""What the database keeps comes back as it was; what it cannot keep is refused in words, or cleaned if it is text."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from holdgate.core.telemetry import log
from holdgate.core.text.storable import MOST_JSON, Unstorable, check_plain, json_of, storable_text


class Base(msgspec.Struct):
    a: int


class More(Base):
    b: float = 1.5


@dataclass
class Pair:
    x: int
    y: tuple[int, ...] = ()


class Point(NamedTuple):
    x: int


class Text(str):
    """Of a library, as marked-up texts and numpy's floats are."""


class Real(float):
    """See Text."""


MOMENT = datetime(2026, 11, 29, 3, 4, 5, 678, tzinfo=UTC)
KEPT: list[tuple[Any, Any]] = [
    (None, None),
    ("\\u0000", str),  # six characters, no NUL
    ({"\\u0000": "C:\\u0000.txt"}, dict[str, str]),
    (3, float),
    (1e22, Any),
    (-0.0, float),
    (2**70, int),
    (Decimal("1.10"), Decimal),
    (MOMENT, datetime),
    (timedelta(days=2, microseconds=3), timedelta),
    (UUID(int=5), UUID),
    (b"\0\xff", bytes),
    ({3, 1, 2}, set[int]),
    ((1, "a"), tuple[int, str]),
    ({1: 2, 10: 3}, dict[int, int]),
    (Base(1), Base),
    ([More(1)], list[More]),
    (Pair(1, (2, 3)), Pair),
    (Point(1), Point),
    (Text("x"), str),
    (Real(1.5), float),
    ({"b": 1, "aa": 2}, Any),
]


@pytest.mark.parametrize(("value", "wanted"), KEPT)
def test_what_json_can_keep_reads_back_equal(value: Any, wanted: Any) -> None:
    text, found = json_of(value, wanted)
    assert found == value
    assert msgspec.json.decode(text, type=wanted) == value


def test_the_order_of_keys_is_kept() -> None:
    people = {"zoe@example.org": 1, "al@example.org": 2, "bob@example.org": 3}
    assert list(json_of(people, dict[str, int])[1]) == list(people)


def test_a_value_without_a_type_reads_back_as_its_plain_data() -> None:
    value = {"pair": Pair(1, (2,)), "when": MOMENT, "cents": Decimal("1.10")}
    assert json_of(value)[1] == {"pair": {"x": 1, "y": [2]}, "when": "2026-11-29T03:04:05.000678Z", "cents": "1.10"}


REFUSED: list[tuple[Any, Any, str]] = [
    ("a\0b", str, "NUL"),
    ({"a\0b": 1}, Any, "NUL"),
    ("\udcff", str, "lone surrogate"),
    (float("nan"), float, "nan"),
    (float("nan"), float | None, "nan"),
    ([{"x": (1, float("inf"))}], Any, "nan or an infinite"),
    (Decimal("1.1"), float, "return annotation"),
    ("three", int, "return annotation"),
    (1, None, "return annotation"),
    ({1: 2}, Any, "another value"),
    ({1: "a", "1": "b"}, dict[str, str], "mixes types"),
    (More(1), Base, "another value"),
    (Text("x"), Text, "return annotation"),
    (object(), Any, "cannot be written"),
    ("x" * MOST_JSON, str, "artifact"),
]


@pytest.mark.parametrize(("value", "wanted", "word"), REFUSED, ids=[f"{n}" for n in range(len(REFUSED))])
def test_what_would_read_back_as_something_else_is_refused_with_the_reason(value: Any, wanted: Any, word: str) -> None:
    with pytest.raises(Unstorable, match=word):
        json_of(value, wanted)


def test_what_is_nested_too_deep_is_refused() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(Unstorable, match="nested deeper than 64"):
        json_of(value)
    with pytest.raises(Unstorable, match="nested deeper than 64"):
        check_plain(value)


def test_numbers_as_keys_become_texts_where_programs_read_them() -> None:
    assert json_of({1: 2}, text_keys=True)[1] == {"1": 2}


@pytest.mark.parametrize("text", ["plain", "Ärger 😀", "\\u0000 \\udcff"])
def test_a_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert storable_text(text) == text


def test_what_no_text_of_the_database_can_hold_becomes_an_escape_and_is_counted() -> None:
    assert storable_text("a\0b\udcffc") == "a\\x00b\\udcffc"
    assert storable_text("\udcff" * 10, 7) == "\\udcff\\"


def test_a_line_of_the_log_is_written_whatever_is_in_it_and_is_bounded() -> None:

    event = {"name": "\udcff", "many": ["\udcff"] * 10, "large": "x" * 10**6, "list": [1] * 10**6, "token": "\udcff"}
    shown = log.redact(None, "info", {**event, "fine": {"a": 1}})
    line = log._json(shown)
    assert len(line) < 3 * log.MOST
    assert json.loads(line)["name"] == "\\udcff"
    assert json.loads(line)["fine"] == {"a": 1}
    assert json.loads(line)["token"] == "[hidden]"
