"""docs/pipelines.md and docs/agents.md: their scripts and programs run as they stand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from queue import Queue
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from flask import Flask, request
from werkzeug.serving import make_server

from holdgate.client import Client
from tests.asking.conftest import Desk
from tests.docs.pages import blocks
from tests.processes import ROOT

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


def start(desk: Desk, script: str, commit: str, **variables: str) -> "subprocess.Popen[str]":
    # The page's own address and names are an example's.
    script = script.replace("ann@example.org", desk.approver)
    names = {"GITHUB_SHA": commit, "CI_COMMIT_SHA": commit, "CI_COMMIT_SHORT_SHA": commit[:8]}
    return subprocess.Popen(
        ["bash", "-eo", "pipefail", "-c", RUNNER + script],
        env={**desk.environ, **names, "APPROVER": desk.approver, **variables},
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
LOOKING, ASKING, STARTED = [script for script in scripts() if "--no-wait" in script]


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


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def test_a_pipeline_that_is_called_back_deploys_what_was_approved_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    github, started = Flask("github"), Queue[str]()
    busy = [False, True]

    @github.post("/dispatches")
    def dispatch() -> tuple[str, int]:
        assert request.headers["Authorization"] == "Bearer of-github" and request.json
        started.put(request.json["inputs"]["approval"])
        return "", 500 if busy.pop() else 204

    monkeypatch.syspath_prepend(str(ROOT / "examples/agents"))
    monkeypatch.setenv("WORKFLOW_TOKEN", "of-github")
    commit = uuid4().hex
    with (
        Client(desk.url, desk.token) as hold,
        serving(github) as of_github,
        serving(import_module("start_pipeline").create_app(hold)) as program,
    ):
        monkeypatch.setenv("WORKFLOW_URL", f"{of_github}/dispatches")
        asking = start(desk, ASKING, commit, CALLBACK=f"{program}/decided")
        _, errors = asking.communicate(timeout=60)
        assert asking.returncode == 0, errors
        asked = desk.open_request()
        message = {"data": {"id": str(asked.id), "state": "approved"}}
        assert httpx.post(f"{program}/decided", json=message).status_code == 204, "forged: nobody has decided"
        assert httpx.post(f"{program}/decided", json={"data": {"id": str(uuid4())}}).status_code == 404
        desk.decide()
        assert [started.get(timeout=60) for _ in range(2)] == [str(asked.id)] * 2, "tried again: GitHub was busy"
    jobs = [start(desk, STARTED, uuid4().hex, APPROVAL=str(asked.id)) for _ in range(2)]
    said = [job.communicate(timeout=60)[0] for job in jobs]
    assert sorted(job.returncode for job in jobs) == [0, 5]
    assert "".join(said) == f"deploying {commit}\n"


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
