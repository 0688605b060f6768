"""The lines of the log about attempts, as a process in production writes them."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio
from uuid import UUID
from holdgate.core.telemetry import log
from holdgate.runtime.report import AttemptReport
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.states import TaskState

def task(number):
    made_by = UUID("01a22884-d899-7152-ba2c-b79000000000").hex
    place = ("default", None, None, None, "", 0, 3, 0, None)
    return Claimed(UUID(int=number), 1, "a.kind", "{}", *place, f"00-{made_by}-{made_by[16:]}-00")

async def main():
    report = AttemptReport()
    for number in range(3):
        report.add(task(number), Outcome(UUID(int=number), 1, TaskState.SUCCEEDED), 0.0123)
    reason = "It said Bearer abcdefghijklmnopqrstuvwxyz012345."
    bad = Outcome(UUID(int=9), 1, TaskState.RETRYING, reason=reason, failed=True)
    report.add(task(9), bad, 0.5)
    await asyncio.sleep(0)

log.configure(json=True, level="LEVEL")
asyncio.run(main())
"""


def lines(level: str) -> list[dict[str, object]]:
    program = [sys.executable, "-c", PROGRAM.replace("LEVEL", level)]
    said = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60).stderr
    return [json.loads(line) for line in said.splitlines()]


def test_each_attempt_has_its_line_and_what_failed_is_looked_through_for_secrets() -> None:
    [bad, *good] = sorted(lines("info"), key=lambda line: line["state"] == "succeeded")
    assert [line["task"] for line in good] == [f"00000000-0000-0000-0000-00000000000{n}" for n in range(3)]
    for line in good:
        assert (line["event"], line["level"], line["logger"]) == ("task", "info", "holdgate.runtime.report")
        assert (line["kind"], line["state"], line["ms"], line["reason"]) == ("a.kind", "succeeded", 12.3, None)
    # Of the request that made the task.
    assert {line["request_id"] for line in good} == {"01a22884-d899-7152-ba2c-b79000000000"}
    assert set(bad) == set(good[0]) and bad["level"] == "warning"
    assert "abcdefghijklmnop" not in str(bad["reason"])


def test_lines_below_the_level_are_not_written() -> None:
    assert [line["state"] for line in lines("warning")] == ["retrying"]
