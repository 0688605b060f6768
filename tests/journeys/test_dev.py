"""`holdgate dev` as `make run` starts it: on embedded servers, with nothing of ours in the environment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

from holdgate.embedded import children, postgres, valkey
from tests.journeys.dev import PATIENCE, dev
from tests.processes import ROOT, free_port


def status(url: str, method: str = "GET") -> int:
    with urlopen(Request(url, method=method), timeout=10) as answer:
        return int(answer.status)


def ours(data_dir: Path) -> list[str]:
    """Command lines of live processes that were started with this data directory."""
    return [command for _, command in processes_of(data_dir)]


def processes_of(data_dir: Path) -> list[tuple[int, str]]:
    """(id, command line) of live processes that were started with this data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environ = (entry / "environ").read_bytes().decode(errors="replace")
                command = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            except OSError:
                continue
            if f"DATA_DIR={data_dir}\0" in environ and command:
                found.append((int(entry.name), command))
    return found


def test_it_starts_on_nothing_shows_its_pages_and_stops_all_of_it(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with dev(home, tmp_path / "log") as started:
        link = started.link()
        base = link.split("/login")[0]
        for path in ("/", "/login", "/mailbox", "/readyz", link.removeprefix(base)):
            assert status(base + path) == 200
            assert status(base + path, "HEAD") == 200
        assert postgres.running(home) and valkey.running(home)
        assert "Enter shows another sign-in link" in started.log.read_text()
        started.enter()
        another = started.link(2)
        assert another.startswith(f"{base}/login/") and another != link and status(another) == 200
        assert started.interrupt() < 15
        assert not postgres.running(home)
        assert not valkey.running(home)
        assert ours(home) == []


def test_after_a_kill_the_next_start_takes_over_and_keeps_the_data(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with dev(home, tmp_path / "first.log") as first:
        first.link()
        first.process.kill()
        first.process.wait()
        with dev(home, tmp_path / "second.log") as second:
            base = second.link().split("/login")[0]
            assert status(f"{base}/readyz") == 200
            assert len([line for line in ours(home) if "arq" in line]) == 1, "the first worker outlived its parent"
            second.interrupt()


def test_a_killed_worker_is_replaced_and_work_in_hand_is_put_back_by_ctrl_c(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with dev(home, tmp_path / "log") as started:
        base = started.link().split("/login")[0]
        time.sleep(children.SETTLED)  # from then on a process has started well
        [worker] = [pid for pid, command in processes_of(home) if "arq" in command]
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while not (found := [pid for pid, command in processes_of(home) if "arq" in command and pid != worker]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "The worker process has ended (killed by SIGKILL)" in started.log.read_text()
        assert status(base + "/readyz") == 200
        assert len(found) == 1
        assert started.interrupt() < 15


def test_two_installations_do_not_collide(tmp_path: Path) -> None:
    background = dev(tmp_path / "b", tmp_path / "b.log", background=True)
    with dev(tmp_path / "a", tmp_path / "a.log") as one, background as two:
        assert one.link().split("/login")[0] != two.link().split("/login")[0]
        one.interrupt()
        assert status(two.link().split("/login")[0] + "/readyz") == 200
        assert "Enter" not in two.log.read_text()
        two.interrupt(signal.SIGTERM)


def test_a_port_in_use_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    import socket

    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with dev(tmp_path / "data", tmp_path / "log", PORT=str(port)) as refused:
            assert refused.process.wait(PATIENCE) == 1
            assert f"Port {port} is in use" in refused.log.read_text()
    assert not postgres.running(tmp_path / "data")


def test_production_without_its_settings_is_refused_with_all_of_them(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "ENVIRONMENT": "production"}
    done = subprocess.run(
        [sys.executable, "-m", "holdgate.cli", "migrate"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 1
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL", "SMTP_URL", "MAIL_FROM"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
