"""What campaigns have shown, as a table: on the screen and in the documentation."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.chaos.campaign.campaign import Result
from tests.chaos.campaign.faults import FAULTS

BEGIN, END = "<!-- chaos -->\n", "<!-- /chaos -->"


def rows_of(results: Sequence[Result]) -> list[list[str]]:
    """Of each fault that has struck. What a campaign lost or doubled is told at every fault that it met."""
    rows = []
    for name in FAULTS:
        met = [result for result in results if any(fault == name for fault, _ in result.recovered)]
        seconds = [each for result in met for fault, each in result.recovered if fault == name]
        if seconds:
            lost, doubled = sum(result.lost for result in met), sum(result.doubled for result in met)
            figures = f"{median(seconds):.1f} s", f"{max(seconds):.1f} s"
            rows.append([name, str(len(seconds)), str(lost), str(doubled), *figures])
    return rows


HEAD = ["fault", "count", "lost", "doubled", "recovery, median", "at most"]


def plain(results: Sequence[Result]) -> str:
    rows = [HEAD, *rows_of(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines)


def totals(results: Sequence[Result]) -> dict[str, int]:
    return {what: sum(result.figures.get(what, 0) for result in results) for what in results[0].figures}


def write(results: Sequence[Result], seconds: float, page: Path) -> None:
    """Into the page, between its two marks."""
    seeds = ", ".join(str(result.seed) for result in results)
    under_way = ", ".join(f"{number:,} {what}" for what, number in totals(results).items())
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    lines = [
        f"On {datetime.now(UTC):%Y-%m-%d}: {len(results)} campaigns of {seconds:.0f} s (seeds {seeds}) on a machine of",
        f"{os.cpu_count()} processors ({machine}), which ran the programs that loaded it as well.",
        f"Under way were {under_way}.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|---|" + "---:|" * (len(HEAD) - 1),
        *("| " + " | ".join(row) + " |" for row in rows_of(results)),
        "",
    ]
    text = page.read_text()
    found = re.search(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, re.DOTALL)
    assert found is not None, f"{page} has no {BEGIN!r}"
    page.write_text(text[: found.start()] + BEGIN + "\n".join(lines) + END + text[found.end() :])
