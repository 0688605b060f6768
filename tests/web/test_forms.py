"""Form data as structs, the filters of templates, and the signed time of a form."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from litestar.datastructures import FormMultiDict

from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.web import filters, form_time
from holdgate.web.form_time import FormTime
from holdgate.web.forms import Form, blank, read_form


class Everything(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=5)]
    number: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3
    maybe: int | None = None
    choice: Literal["a", "b"] = "a"
    owner: UUID | None = None
    share: float = 1.0
    notify: bool = False
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=3)]], msgspec.Meta(max_length=2)] = []
    note: str = "default"


class Sent:
    """A request with these fields."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = list(pairs)

    async def form(self) -> FormMultiDict:
        return FormMultiDict(self._pairs)


async def read(*pairs: tuple[str, str]) -> Form[Everything]:
    return await read_form(Sent(*pairs), Everything)  # type: ignore[arg-type]


async def test_texts_become_values() -> None:
    form = await read(
        ("title", " ab "), ("number", "9"), ("maybe", "4"), ("notify", "true"), ("tags", "x"), ("tags", "y"),
        ("note", "two\r\nlines "), ("share", "0.5"),
    )  # fmt: skip
    assert form.errors == {}
    assert form.data == Everything("ab", 9, 4, "a", None, 0.5, True, ["x", "y"], "two\nlines")


async def test_what_is_empty_or_missing_takes_its_default() -> None:
    form = await read(("title", "x"), ("number", ""), ("maybe", ""), ("note", ""))
    assert form.data == Everything("x", 3, None, note="")
    assert (await read(("title", "x"))).data == Everything("x")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("title", "", "This field is required."),
        ("title", "much longer", "At most 5 characters."),
        ("title", "a\0b", "This contains a character that can’t be stored."),
        ("number", "0", "Must be a whole number, at least 1 and at most 9."),
        ("number", "10", "Must be a whole number, at least 1 and at most 9."),
        ("number", "x", "Must be a whole number, at least 1 and at most 9."),
        ("maybe", "x", "Must be a whole number."),
        ("share", "x", "Must be a number."),
        ("choice", "c", "Choose an option from the list."),
        ("owner", "c", "This is not a valid id."),
        ("tags", "long", "At most 3 characters."),
    ],
)
async def test_each_field_says_what_is_wrong_with_it(name: str, text: str, sentence: str) -> None:
    pairs = {"title": "x"} | {name: text}
    form = await read(*pairs.items())
    assert form.data is None
    assert form.errors == {name: sentence}
    assert form.value(name) in (text, [text])


async def test_all_mistakes_are_told_at_once() -> None:
    assert set((await read(("number", "x"), ("choice", "z"))).errors) == {"title", "number", "choice"}


async def test_what_a_service_finds_is_shown_at_its_field() -> None:
    form = await read(("title", "x"))
    assert form.refused(Invalid("No.", {"title": "Taken."})).errors == {"title": "Taken."}
    assert form.refused(Invalid("No.")).errors == {"": "No."}
    assert form.refused(Invalid("No.")).value("title") == "x"


def test_a_blank_form_may_be_filled_in() -> None:
    assert blank(Everything("x")).value("number") == 3
    assert blank().value("number", 1) == 1


async def test_the_age_of_a_form_is_measured_by_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FormTime(("k" * 32,), "review")
    async with database.read() as session:
        stamp = await clock.stamp(session)
        await clock.check(session, stamp, quickest=0.0)
        with pytest.raises(Invalid, match="too fast"):
            await clock.check(session, stamp, quickest=2.0)
        for forged in ("", "x", stamp[:-2], await FormTime(("k" * 32,), "other").stamp(session)):
            with pytest.raises(Invalid, match="out of date"):
                await clock.check(session, forged, quickest=0.0)
        monkeypatch.setattr(form_time, "TOO_OLD", timedelta())
        with pytest.raises(Invalid, match="too long"):
            await clock.check(session, stamp, quickest=0.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-4, "just now"),
        (-12, "12 s ago"),
        (-200, "3 min ago"),
        (-8000, "2 h ago"),
        (-500_000, "5 d ago"),
        (190, "in 3 min"),
    ],
)
def test_distances_in_time_have_the_words_of_the_script(seconds: float, words: str) -> None:
    assert filters.ago(datetime.now(UTC) + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(30.5, "30 s left"), (190, "3 min left"), (8000, "2 h 13 min left"), (-1, "expired")]
)
def test_the_time_left_is_told_without_the_script_too(seconds: float, words: str) -> None:
    assert filters.left(datetime.now(UTC) + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("number", 1234567, "1\u202f234\u202f567"),
        ("number", 0.5, "0.5"),
        ("number", 12.0, "12"),
        ("bytes", 812, "812 B"),
        ("bytes", 4200, "4.2 kB"),
        ("bytes", 999_999, "1 MB"),
        ("duration", 0.42, "420 ms"),
        ("duration", 0.0004, "< 1 ms"),
        ("duration", 0, "0 ms"),
        ("duration", timedelta(seconds=4.25), "4.2 s"),
        ("duration", 185, "3 min 5 s"),
        ("duration", 3600, "1 h"),
        ("duration", 59.99, "1 min"),
        ("duration", 7800, "2 h 10 min"),
        ("state_label", "dead_letter", "Failed"),
        ("state_label", "pending_approval", "Waiting for approval"),
        ("json_pretty", {"é": 1}, '{\n  "é": 1\n}'),
        ("json_pretty", '{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'),
        ("json_pretty", "no json", "no json"),
        ("datetime", datetime(2026, 11, 23, 9, 5, 12, tzinfo=UTC), "2026-11-23 09:05:12 UTC"),
    ],
)
def test_values_are_written_for_people(name: str, value: Any, text: str) -> None:
    assert filters.FILTERS[name](value) == text


@pytest.mark.parametrize("name", ["number", "bytes", "duration", "datetime", "ago"])
def test_nothing_is_a_dash(name: str) -> None:
    assert filters.FILTERS[name](None) == "–"
