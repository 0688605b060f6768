"""A filter from what an address says, and as the page's form shows it again."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from holdgate.core.errors import Invalid
from holdgate.tasks.search.fields import FilterField
from holdgate.tasks.search.filters import BY_PARAM, FIELDS, MOST_IDS, TaskFilter
from holdgate.tasks.states import STANDINGS

TERMS = ("kind", "queue", "state", "owner")  # may be typed where one searches: `kind:http.request`


class FilterForm(msgspec.Struct, frozen=True, kw_only=True):
    """A filter as somebody asked for it. `wanted` is None while it has `errors`; `values` keeps what was entered."""

    wanted: TaskFilter | None
    values: Mapping[str, str]
    errors: Mapping[str, str]

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def good(self) -> TaskFilter:
        """Raises Invalid with a sentence for every field that does not fit."""
        if self.wanted is None:
            raise Invalid(" ".join(self.errors.values()), dict(self.errors))
        return self.wanted

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Address on the page and sentence of each error."""
        named = [(BY_PARAM[name], sentence) for name, sentence in self.errors.items()]
        return [(f"#filter-{f.param}", f"{f.label}: {text}") if f.place else ("", text) for f, text in named]

    def fields(self, place: str) -> list[FilterField]:
        """Those that the page's form has at this place."""
        return [field for field in FIELDS if field.place == place]

    def suggestions(self) -> list[str]:
        """What can be typed into the search."""
        found = []
        for param in TERMS:
            field = BY_PARAM[param]
            options = field.options() if field.options else STANDINGS if param == "state" else ()
            found += [f"{param}:{option}" for option in options] or [f"{param}:"]
        return found

    def used(self, *places: str) -> bool:
        """Whether one of these places has something filled in."""
        return any(field.param in {*self.values, *self.errors} for place in places for field in self.fields(place))


def parse_filter(params: Iterable[tuple[str, str]]) -> FilterForm:
    """The filter that URL parameters ask for. Names that are no field's are somebody else's."""
    found: dict[str, Any] = {}
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name, text in _given(params):
        field = BY_PARAM[name]
        try:
            if field.many:
                # Each once, in order.
                read = {field.read(one.strip()): None for one in text.split(",") if one.strip()}
                found[field.name] = {**found.get(field.name, {}), **read}
                continue
            if field.joined and name in values:
                text = f"{values[name]},{text}"
            values[name] = text
            if "\0" in text or len(text) > field.most:
                raise ValueError(f"At most {field.most} characters, without NUL.")
            found[field.name] = field.read(text)
        except ValueError as problem:
            values[name] = text
            errors[name] = str(problem)
    if len(found.get("ids", ())) > MOST_IDS:
        errors["id"] = f"At most {MOST_IDS} tasks can be selected one by one. Use a filter for more."
    if errors:
        return FilterForm(wanted=None, values=values, errors=errors)
    wanted: dict[str, Any] = {name: tuple(each) if isinstance(each, dict) else each for name, each in found.items()}
    return FilterForm(wanted=TaskFilter(**wanted), values=values, errors={})


def _typed(given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """With the conditions that stand among the words of a search in fields of their own, unless these say something."""
    said = {name for name, _ in given}
    found: list[tuple[str, str]] = []
    for name, text in given:
        words = text.split() if name == "q" else []
        terms = [pair for word in words if (pair := _term(word)) and pair[0] not in said]
        if terms:
            found += terms
            text = " ".join(word for word in words if _term(word) not in terms)
        found += [(name, text)] if text else []
    return found


def _term(word: str) -> tuple[str, str] | None:
    name, _, value = word.partition(":")
    return (name, value) if name in TERMS and value else None


def _given(params: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is said of our fields. `kind:http.request` and `payload.email:x` may be typed where one searches."""
    given = _typed([(name, text.strip()) for name, text in params if name in BY_PARAM and text.strip()])
    if any(name == "payload" for name, _ in given):
        return given
    return [("payload" if name == "q" and text.startswith("payload.") else name, text) for name, text in given]
