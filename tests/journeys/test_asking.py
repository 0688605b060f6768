"""A program asks with curl, as docs/ask.md tells, and a person answers by the emailed link: all in processes apart."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from tests.docs.pages import blocks
from tests.journeys.dev import PATIENCE, dev
from tests.processes import ROOT, free_port

ANN = "ann@example.org"


def shell(text: str, environ: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(["sh", "-ec", text], env=environ, cwd=cwd, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def soon(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, look
        time.sleep(0.1)
    return found


def emailed_link(phone: httpx.Client) -> str | None:
    """The personal link in Ann's newest mail, as the built-in mailbox has it."""
    for address in re.findall(r'href="(/mailbox/[^"]+)"', phone.get("/mailbox").text):
        if found := re.search(r"/review/([\w-]{20,})", phone.get(address, params={"part": "text"}).text):
            return f"/review/{found[1]}"
    return None


def approve(phone: httpx.Client, link: str) -> bool:
    """Opens the page and sends its form; too quick an answer is refused, and sent again."""
    page = phone.get(link)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    form = {name: unescape(value) for name, value in hidden.items()}
    time.sleep(2.1)  # the page takes no answer in its first two seconds: a robot's
    return phone.post("/review", data={**form, "decision": "approve"}).status_code == 303


def test_a_program_asks_with_curl_and_gets_a_decision_with_a_receipt(tmp_path: Path) -> None:
    ask, wait = [block.text for block in blocks() if block.page == "docs/ask.md" and block.language == "sh"]
    port = free_port()
    settings = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(port)}
    with dev(tmp_path / "data", tmp_path / "log", PORT=str(port)) as started:
        base = started.link().split("/login")[0]
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings, "HOLDGATE_URL": base}

        def holdgate(*words: str) -> str:
            command = [sys.executable, "-m", "holdgate.cli", *words]
            done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=90)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        holdgate("user", "add", ANN)
        environ["HOLDGATE_TOKEN"] = holdgate("token", "create", ANN, "--scope", "approvals:create").strip()
        asked = json.loads(shell(ask, environ, tmp_path))
        assert asked["state"] == "pending"

        said: list[str] = []
        waiting = threading.Thread(target=lambda: said.append(shell(wait, {**environ, "ID": asked["id"]}, tmp_path)))
        waiting.start()
        with httpx.Client(base_url=base, timeout=30, headers={"Origin": base}) as phone:
            link = soon(lambda: emailed_link(phone))
            soon(lambda: approve(phone, link))
        waiting.join(PATIENCE)
        found = json.loads(said[0])
        assert (found["state"], found["decision"]["by"]) == ("approved", ANN)
        (tmp_path / "receipt.json").write_text(json.dumps(found["receipt"], indent=2))
        assert ANN in holdgate("verify", str(tmp_path / "receipt.json"))
        started.interrupt()
