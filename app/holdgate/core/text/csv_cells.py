"""Cells of CSV files that are safe to open in a spreadsheet."""

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

# The signs that begin a formula, also in their wide and small forms, which some spreadsheets take for the plain ones,
# behind anything that does not show; and what makes a cell begin on a new line or in the next one.
FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫]| *[\t\r\n]")
MARK = "\ufeff"  # by which spreadsheets know UTF-8


def cell(value: Any) -> str:
    """Text that no spreadsheet runs as a formula: a quote before it makes it text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return f"'{text}" if FORMULA.match(text) else text


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as lines of CSV."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
