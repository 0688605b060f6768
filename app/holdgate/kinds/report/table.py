"""The tasks as CSV, safe to open in a spreadsheet."""

from collections.abc import Iterable

from holdgate.core.text.csv_cells import MARK, lines
from holdgate.stats.reports import TaskLine


def write_table(tasks: Iterable[TaskLine]) -> bytes:
    """UTF-8 with a mark, by which spreadsheets know it. Times are UTC, durations seconds."""
    return (MARK + lines([TaskLine._fields, *tasks])).encode()
