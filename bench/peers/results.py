"""The figures of a run as a page: medians, the range, and the ratio to Holdgate round by round."""

import os
import platform
import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

OURS, STOCK = "holdgate", "holdgate_stock"
UNITS = {
    "workers 1": ("No-op tasks a second, one worker process", "more is better"),
    "workers 2": ("No-op tasks a second, two worker processes", "more is better"),
    "bulk": ("Tasks enqueued a second, 1,000 in a call", "more is better"),
    "single": ("Tasks enqueued a second, one by one, waking included", "more is better"),
    "wake p50": ("Waking an idle worker, median, ms", "less is better"),
    "wake p99": ("Waking an idle worker, 99th percentile, ms", "less is better"),
    "worker µs": ("Processor time of the worker for a task, µs", "less is better"),
    "server µs": ("Processor time of PostgreSQL for a task, everything in it, µs", "less is better"),
    "WAL bytes": ("WAL for a task, bytes", "less is better"),
}


class Goal(NamedTuple):
    """`wanted` of Holdgate's figure divided by the other's: at least, or at most where less is better."""

    measure: str
    other: str
    wanted: float


GOALS = (
    Goal("workers 1", "pgqueuer", 1.2),
    Goal("workers 1", "arq", 8),
    Goal("workers 1", "dramatiq", 4),
    Goal("workers 1", "procrastinate", 20),
    Goal("workers 1", "bare", 0.4),
    Goal("workers 1", STOCK, 1 / 0.7),
    Goal("workers 2", "pgqueuer", 1),
    Goal("workers 2", "dramatiq", 1),
    Goal("workers 2", "saq", 1),
    Goal("bulk", "pgqueuer", 1),
    Goal("single", "pgqueuer", 1.3),
    Goal("single", "bare", 0.4),
    Goal("wake p50", "pgqueuer", 1),
    Goal("wake p50", "procrastinate", 1),
    Goal("wake p50", "saq", 1.5),
    Goal("wake p99", "pgqueuer", 1),
    Goal("wake p99", "procrastinate", 1),
    Goal("wake p99", "saq", 1.5),
    Goal("server µs", "pgqueuer", 0.8),
)


class Found:
    """All figures of a run: measure → peer → one a round."""

    def __init__(self, about: dict[str, dict[str, str]], server: str, tasks: int, rounds: int) -> None:
        self.about, self.server, self.tasks, self.rounds = about, server, tasks, rounds
        self.began = datetime.now(UTC)
        self.load = os.getloadavg()[0], os.getloadavg()[0]
        self.figures: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))

    def add(self, peer: str, number: int, figures: dict[str, float]) -> None:
        for measure, value in figures.items():
            self.figures[measure][peer][number] = value

    def end(self) -> None:
        self.load = self.load[0], os.getloadavg()[0]

    def ratios(self, measure: str, other: str) -> list[float]:
        """Holdgate's figure divided by the other's, round by round."""
        ours, theirs = self.figures[measure][OURS], self.figures[measure][other]
        return [ours[number] / theirs[number] for number in ours if theirs.get(number)]


def page(found: Found) -> str:
    tables = [_table(found, measure) for measure in UNITS if measure in found.figures]
    return "\n\n".join([_head(found), _goals(found), *tables]) + "\n"


def _head(found: Found) -> str:
    low, high = found.load
    lines = [
        "# Holdgate beside other queues",
        "",
        "Written by `make bench`; see [performance.md](../docs/explanation/performance.md). What compares is",
        "the ratio of neighbouring measurements, median of the rounds with the range in brackets.",
        "",
        f"{found.began:%Y-%m-%d}, {found.rounds} rounds, {found.tasks:,} tasks (slow queues a share). {_machine()},",
        f"load {low:.1f} at the beginning and {high:.1f} at the end. Python {platform.python_version()}, PostgreSQL:",
        f"{found.server}.",
        "",
        "| queue | version | settings |",
        "|---|---|---|",
        *(f"| {peer} | {about['version']} | {about['settings']} |" for peer, about in found.about.items()),
    ]
    return "\n".join(lines)


def _machine() -> str:
    cpu = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpu.read_text()) if cpu.exists() else None
    return f"{platform.system()}, {os.cpu_count()} cores ({model[1] if model else platform.machine()})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{_number(median(values))} ({_number(low)}–{_number(high)})" if len(values) > 1 else _number(values[0])


def _table(found: Found, measure: str) -> str:
    about, better = UNITS[measure]
    lines = [f"## {about}", "", f"Ratio: Holdgate's figure divided by theirs; {better}.", ""]
    lines += ["| queue | median (range) | ratio |", "|---|---|---|"]
    for peer, rounds in found.figures[measure].items():
        ratios = found.ratios(measure, peer)
        ratio = "" if peer == OURS or not ratios else _range(ratios)
        lines.append(f"| {peer} | {_range(list(rounds.values()))} | {ratio} |")
    return "\n".join(lines)


def _goals(found: Found) -> str:
    lines = []
    for goal in GOALS:
        if ratios := found.ratios(goal.measure, goal.other):
            least = UNITS[goal.measure][1].startswith("more") and goal.other != STOCK
            lines.append(_goal(UNITS[goal.measure][0], goal.other, goal.wanted, median(ratios), least))
    one, two = (found.figures[name][OURS] for name in ("workers 1", "workers 2"))
    if ratios := [two[number] / one[number] for number in two if number in one]:
        lines.append(_goal("No-op tasks a second, two worker processes", "one of them", 1.3, median(ratios), True))
    return "\n".join(["## Goals", "", "| what | beside | wanted | ratio | met |", "|---|---|---|---|---|", *lines])


def _goal(about: str, other: str, wanted: float, got: float, least: bool) -> str:
    met = got >= wanted if least else got <= wanted
    word = "at least" if least else "at most"
    return f"| {about} | {other} | {word} {wanted:.2f} | {got:.2f} | {'yes' if met else 'no'} |"
