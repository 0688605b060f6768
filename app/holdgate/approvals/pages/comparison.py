"""Many requests side by side: what is the same once, what differs as columns, with sums and what stands out."""

import re
import statistics
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from holdgate.approvals.blocks import FieldsBlock
from holdgate.approvals.forms import FormField
from holdgate.approvals.pages.question import QuestionView

MOST_COLUMNS = 8  # of facts; what else differs is among the details of each
FEW = 4  # values; of fewer nothing is said to stand out
FENCE = 1.5  # quartile ranges beyond which a value stands out, as box plots draw it
LONG = ("textarea", "lines", "json", "checkboxes", "file")  # types of fields that have no room in a cell
# With a unit: a sign or a code of a currency before it, a word behind it. "Invoice 17" is a name.
_NUMBER = re.compile(
    r"(?P<before>(?:[^\w\s.,-]{1,3}|[A-Z]{3})?\s?)(?P<number>-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?P<after>\s?[^\d\s]{0,12})"
)


class Cell(NamedTuple):
    """`mark`: "high" or "low" where it stands out, else empty."""

    text: str
    mark: str = ""


class ComparedColumn(NamedTuple):
    """What differs, in the order of the requests. `total`: the sum, where all of it are numbers of one unit.
    `field`: the form's, to be edited in place; None for a fact."""

    label: str
    cells: list[Cell]
    total: str = ""
    field: str | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that can be compared. `same`: label and text of what they all say."""

    questions: list[QuestionView]
    same: list[tuple[str, str]]
    columns: list[ComparedColumn]

    @property
    def sums(self) -> bool:
        return any(column.total for column in self.columns)

    def beside(self, question: QuestionView) -> list[FormField]:
        """The fields of its form that have no column, in their order."""
        inline = {column.field for column in self.columns}
        return [field for field in question.fields if field.name not in inline and field.type != "file"]


def comparisons(questions: Sequence[QuestionView]) -> list[Comparison]:
    """Those alike in one, in the order in which each first stands."""
    found: dict[str, list[QuestionView]] = {}
    for question in questions:
        found.setdefault(question.approval.alike or str(question.approval.id), []).append(question)
    return [_compared(alike) for alike in found.values()]


def _compared(questions: list[QuestionView]) -> Comparison:
    facts = [_facts(question) for question in questions]
    labels = list(dict.fromkeys(label for one in facts for label in one))
    forms = [{field.name: (field, shown) for field, (_, shown) in _proposed(question)} for question in questions]
    same: list[tuple[str, str]] = []
    columns: list[ComparedColumn] = []
    for label in labels:
        texts = [one.get(label, "") for one in facts]
        if len(set(texts)) == 1:
            same.append((label, texts[0]))
        elif sum(column.field is None for column in columns) < MOST_COLUMNS:
            columns.append(_column(label, texts))
    for name, (field, _) in forms[0].items():
        texts = [form[name][1] if name in form else "" for form in forms]
        if len(questions) > 1 and len(set(texts)) == 1 and field.type not in LONG:
            same.append((field.label, texts[0]))
        elif field.type not in LONG and all(name in form for form in forms):
            columns.append(_column(field.label, texts, name))
    return Comparison(questions=questions, same=same, columns=columns)


def _facts(question: QuestionView) -> dict[str, str]:
    """Its short values, whichever way it shows them."""
    pairs = [*question.facts, *(pair for one in question.blocks if isinstance(one, FieldsBlock) for pair in one.pairs)]
    return dict(pairs)


def _proposed(question: QuestionView) -> list[tuple[FormField, tuple[str, str]]]:
    return list(zip(question.fields, question.proposed, strict=True))


def _column(label: str, texts: list[str], field: str | None = None) -> ComparedColumn:
    read = [_NUMBER.fullmatch(text.strip()) for text in texts]
    numbers = [Decimal(one["number"].replace(",", "")) for one in read if one]
    units = {(one["before"], one["after"]) for one in read if one}
    if len(numbers) < len(texts) or len(units) != 1:
        return ComparedColumn(label, [Cell(text) for text in texts], field=field)
    before, after = next(iter(units))
    marks = _marks([float(number) for number in numbers])
    cells = [Cell(text, mark) for text, mark in zip(texts, marks, strict=True)]
    return ComparedColumn(label, cells, f"{before}{sum(numbers):,}{after}", field)


def _marks(numbers: list[float]) -> list[str]:
    if len(numbers) < FEW:
        return [""] * len(numbers)
    low, _, high = statistics.quantiles(numbers, n=4, method="inclusive")
    reach = FENCE * (high - low)
    return ["high" if each > high + reach else "low" if each < low - reach else "" for each in numbers]
