"""What campaigns have shown, as a table: on the screen and in the documentation."""

import os
import platform
import re
from collections import Counter
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
SEEDS = ["seed", "faults", "tasks", "decisions", "lost", "doubled", "slowest recovery", "result"]


def rows_of_seeds(results: Sequence[Result]) -> list[list[str]]:
    rows = []
    for result in results:
        found = [str(result.figures.get(what, "")) for what in ("tasks", "decisions")]
        judged = ["", ""] if result.broke_off else [str(result.lost), str(result.doubled)]
        slowest = max((seconds for _, seconds in result.recovered), default=0.0)
        rows.append(
            [str(result.seed), str(len(result.recovered)), *found, *judged, f"{slowest:.1f} s", _result_of(result)]
        )
    return rows


def _result_of(result: Result) -> str:
    if result.broke_off:
        return "broke off"
    number = len(result.problems)
    return "passed" if not number else f"{number} problem{'s' if number > 1 else ''}"


def plain(results: Sequence[Result]) -> str:
    return f"{_plain([HEAD, *rows_of(results)])}\n\n{_plain([SEEDS, *rows_of_seeds(results)])}"


def _plain(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines)


def _markdown(rows: list[list[str]]) -> list[str]:
    head, *rest = ("| " + " | ".join(row) + " |" for row in rows)
    return [head, "|---|" + "---:|" * (len(rows[0]) - 1), *rest, ""]


def totals(results: Sequence[Result]) -> Counter[str]:
    return sum((Counter(result.figures) for result in results), Counter[str]())


def write(results: Sequence[Result], seconds: float, page: Path) -> None:
    """Into the page, between its two marks. Of what went wrong the first sentences."""
    under_way = ", ".join(f"{number:,} {what}" for what, number in totals(results).items())
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    lines = [
        f"On {datetime.now(UTC):%Y-%m-%d}: {len(results)} campaigns of {seconds:.0f} s on a machine of",
        f"{os.cpu_count()} processors ({machine}), which ran the programs that loaded it as well.",
        f"Under way were {under_way}.",
        "",
        *_markdown([HEAD, *rows_of(results)]),
        *_markdown([SEEDS, *rows_of_seeds(results)]),
    ]
    problems = [(result.seed, problem) for result in results for problem in result.problems[:3]]
    lines += [f"- Seed {seed}: `{_one_line(problem)}`" for seed, problem in problems]
    text = page.read_text()
    found = re.search(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, re.DOTALL)
    assert found is not None, f"{page} has no {BEGIN!r}"
    page.write_text(text[: found.start()] + BEGIN + "\n".join(lines).rstrip() + "\n" + END + text[found.end() :])


def _one_line(problem: str) -> str:
    return problem.splitlines()[0][:200].replace("`", "'")
