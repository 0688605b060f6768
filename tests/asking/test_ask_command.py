"""`holdgate ask`: what it prints, and its exit status."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.asking.conftest import Desk
from tests.processes import free_port

FORM = {"type": "object", "properties": {"note": {"type": "string", "title": "Note"}}}


def start(desk: Desk, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "holdgate.cli", "ask", *arguments]
    given = {"stdin": subprocess.DEVNULL, **more}
    return subprocess.Popen(
        command, env=desk.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, Any, str]:
    """Exit status, the JSON on standard output, and standard error."""
    said, errors = process.communicate(timeout=60)
    return process.returncode, json.loads(said) if said else None, errors


def test_an_approval_is_status_0_and_its_receipt_verifies(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text("# Plan\n\nMove *everything*.\n")
    (tmp_path / "form.json").write_text(json.dumps(FORM))
    receipt = tmp_path / "receipt.json"
    asking = start(
        desk,
        *("--title", "Deploy", "--to", desk.approver, "--show", str(tmp_path / "plan.md"), "--ttl", "20m"),
        *("--form", str(tmp_path / "form.json"), "--receipt", str(receipt), "--json"),
        *("--clock", "working", "--urgent", "--request-changes"),
    )
    asked = desk.decide(note="Go.")
    assert asked.request_changes
    assert [(each["type"], each["label"]) for each in asked.shown] == [("markdown", "plan.md")]
    status, said, errors = ended(asking)
    assert status == 0 and "/approvals/" in errors
    assert said["state"] == "approved" and said["receipt"]["receipt"]["version"] == asked.version
    assert said["decision"]["by"] == desk.approver and said["decision"]["form"] == {"note": "Go."}
    keys = tmp_path / "keys.json"
    keys.write_bytes(httpx.get(f"{desk.url}/.well-known/holdgate-keys.json").content)
    verified = subprocess.run(
        [sys.executable, "-m", "holdgate.cli", "verify", str(receipt), "--keys", str(keys)],
        env=desk.environ,
        capture_output=True,
        text=True,
    )
    assert verified.returncode == 0, verified.stderr + verified.stdout


def test_a_rejection_is_status_1(desk: Desk) -> None:
    asking = start(desk, "--title", "Deploy", "--to", desk.approver)
    desk.decide("reject", reason="No.")
    status, said, _ = ended(asking)
    assert (status, said["state"], said["decision"]["reason"]) == (1, "rejected", "No.")


def test_a_request_that_nobody_decides_is_status_3(desk: Desk) -> None:
    status, said, _ = ended(start(desk, "--title", "Deploy", "--to", desk.approver, "--ttl", "3s"))
    assert (status, said["state"], said["decision"]) == (3, "expired", None)


def test_a_pipeline_asks_ends_and_looks_again(desk: Desk) -> None:
    ask = ("--title", "Deploy", "--to", desk.approver, "--no-wait", "--key", desk.approver)
    status, made, _ = ended(start(desk, *ask))
    assert status == 0 and made["state"] == "pending"
    assert ended(start(desk, *ask))[1]["id"] == made["id"], "the same key, the same request"
    assert ended(start(desk, "--id", made["id"], "--no-wait"))[0] == 4
    desk.decide()
    looks = [ended(start(desk, "--id", made["id"], "--use")) for _ in range(2)]
    assert [(status, said["id"], said["state"]) for status, said, _ in looks] == [
        (0, made["id"], "approved"),
        (5, made["id"], "approved"),
    ]


def test_a_choice_that_stops_is_status_1(desk: Desk) -> None:
    choices = ("--option", "All at once", "--option", "Not today:stop", "--callback", "https://hooks.example.org/x")
    status, made, _ = ended(start(desk, "--title", "Deploy", "--to", desk.approver, *choices, "--no-wait"))
    assert status == 0 and made["callback_secret"].startswith("whsec_")
    desk.choose("Not today")
    status, said, _ = ended(start(desk, "--id", made["id"]))
    assert (status, said["state"], said["decision"]["option"]) == (1, "rejected", "Not today")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--title", ""], "--title"),
        (["--title", "Deploy", "--to", "nobody"], "recipients"),
        (["--title", "Deploy", "--ttl", "soon"], "no duration"),
        (["--title", "Deploy", "--metadata", "commit"], "NAME=VALUE"),
        (["--id", "0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b"], "404"),
        (["--title", "Deploy", "--token", "hg_wrong"], "401"),
    ],
)
def test_what_cannot_be_asked_is_status_2_and_says_why(desk: Desk, arguments: list[str], says: str) -> None:
    status, said, errors = ended(start(desk, *arguments))
    assert (status, said) == (2, None) and says in errors


def test_no_server_is_status_2(desk: Desk) -> None:
    status, said, errors = ended(start(desk, "--title", "Deploy", "--url", f"http://127.0.0.1:{free_port()}", "--json"))
    assert (status, said) == (2, None) and "does not answer" in json.loads(errors)["detail"]


@pytest.mark.parametrize(("answer", "status", "state"), [("y", 3, "cancelled"), ("n", 130, None)])
def test_ctrl_c_asks_whether_to_cancel(desk: Desk, answer: str, status: int, state: str | None) -> None:
    keyboard, terminal = pty.openpty()
    asking = start(desk, "--title", "Deploy", "--to", desk.approver, stdin=terminal)
    os.close(terminal)
    asked = desk.open_request()
    assert asking.stderr is not None
    assert "Asked" in asking.stderr.readline()
    asking.send_signal(signal.SIGINT)
    os.write(keyboard, f"{answer}\n".encode())
    code, said, errors = ended(asking)
    os.close(keyboard)
    assert "Cancel the request?" in errors
    assert (code, said and said["state"]) == (status, state), errors
    assert status == 3 or str(asked.id) in errors
