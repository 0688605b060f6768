"""docs/pipelines.md and docs/agents.md: their scripts and programs run as they stand."""

import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.asking.conftest import Desk
from tests.docs.pages import blocks

# What is on a runner; nothing is installed here, since the command is there.
RUNNER = 'pip() { echo "$@" | grep -q "\\[client\\]"; }\n'


def scripts() -> list[str]:
    """In the order of the page. Those of YAML are the steps of a job, one after the other in one shell."""
    found = []
    for block in blocks():
        if block.page != "docs/pipelines.md":
            continue
        found += [block.text] if block.language == "sh" else [_steps(job) for job in _jobs(block.text)]
    return found


def _jobs(text: str) -> list[dict[str, Any]]:
    page = yaml.safe_load(text)
    return list(page.get("jobs", page).values())


def _steps(job: dict[str, Any]) -> str:
    return "\n".join(job["script"] if "script" in job else [step["run"] for step in job["steps"]])


def start(desk: Desk, script: str, commit: str) -> "subprocess.Popen[str]":
    # The page's own address and names are an example's.
    script = script.replace("ann@example.org", desk.approver)
    names = {"GITHUB_SHA": commit, "CI_COMMIT_SHA": commit, "CI_COMMIT_SHORT_SHA": commit[:8]}
    return subprocess.Popen(
        ["bash", "-eo", "pipefail", "-c", RUNNER + script],
        env={**desk.environ, **names, "APPROVER": desk.approver},
        cwd=os.environ["PYTEST_PLACE"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def place(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.txt").write_text("2 to change")
    monkeypatch.setenv("PYTEST_PLACE", str(tmp_path))


WAITING = [script for script in scripts() if "--no-wait" not in script]
[LOOKING] = [script for script in scripts() if "--no-wait" in script]


@pytest.mark.parametrize("script", WAITING)
def test_a_script_that_waits_goes_on_with_the_approval(script: str, desk: Desk) -> None:
    gate = start(desk, script, uuid4().hex)
    desk.decide()
    out, errors = gate.communicate(timeout=60)
    assert gate.returncode == 0 and ("deleting" in out or "deploying" in out or '"approved"' in out), errors


@pytest.mark.parametrize("script", WAITING)
def test_it_stops_after_a_refusal(script: str, desk: Desk) -> None:
    gate = start(desk, script, uuid4().hex)
    desk.decide("reject", reason="No.")
    out, _ = gate.communicate(timeout=60)
    assert "deploying" not in out and "deleting" not in out
    assert gate.returncode == 1 or "rejected" in out


def test_a_workflow_that_asks_and_ends_deploys_once(desk: Desk) -> None:
    commit, said = uuid4().hex, []
    for number in range(4):
        if number == 2:
            desk.decide()
        job = start(desk, LOOKING, commit)
        out, errors = job.communicate(timeout=60)
        assert job.returncode == 0, errors
        said.append("deploying" if "deploying" in out else "nothing to do" if "nothing to do" in out else out)
    assert said == ["nothing to do", "nothing to do", "deploying", "nothing to do"]
    assert desk.asked_in_all() == 1


@pytest.mark.parametrize("which", [0, 1])
def test_the_python_of_the_page_runs(which: int, desk: Desk) -> None:
    programs = [block.text for block in blocks() if block.page == "docs/agents.md" and block.language == "python"]
    program = subprocess.Popen(
        [sys.executable, "-c", programs[which]],
        env={**desk.environ, "APPROVER": desk.approver},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    desk.decide()
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert f"agreed by {desk.approver}" in out if which == 0 else "was used" in out, out
