"""The tasks as CSV, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from app.stats.reports import TaskLine

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(lines: Iterable[TaskLine]) -> bytes:
    """UTF-8 with a mark, by which spreadsheets know it. Times are UTC, durations seconds."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(TaskLine._fields)
    for line in lines:
        writer.writerow([_cell(value) for value in line])
    return out.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    # A cell that a spreadsheet would run as a formula is made text by a quote.
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
