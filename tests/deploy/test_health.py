"""`python -m holdgate.health`, the container's health check, against real servers and a real worker."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from wsgiref.simple_server import WSGIServer

import pytest

from holdgate.core.config import load
from holdgate.core.db import Database
from holdgate.core.telemetry import metrics
from tests.processes import ROOT, environment, free_port, web, worker
from tests.servers import Servers

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://x",
    "REDIS_URL": "redis://x",
    "SECRET_KEY": "x" * 32,
    "BASE_URL": "https://holdgate.example.org",
    "SMTP_URL": "smtp://x",
    "MAIL_FROM": "holdgate@example.org",
}


def healthy(**environ: str) -> bool:
    return subprocess.run([sys.executable, "-m", "holdgate.health"], cwd=ROOT, env=environ).returncode == 0


@contextmanager
def answering(alive: bool, token: str | None = "") -> Iterator[int]:
    server: WSGIServer = metrics.serve(("127.0.0.1", free_port()), token, list, lambda: alive)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def test_a_web_server_and_a_worker_are_healthy_while_they_live(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    port, nobody = free_port(), str(free_port())
    with web(environment(servers, tmp_path), tmp_path / "web.log", port):
        assert healthy(PORT=str(port), METRICS_PORT="0")
    assert not healthy(PORT=str(port), METRICS_PORT="0")
    environ = environment(servers, tmp_path, METRICS_PORT=str(port))
    with worker(environ, tmp_path / "worker.log") as process:
        deadline = time.monotonic() + 30
        while not healthy(PORT=nobody, METRICS_PORT=str(port)):
            assert process.alive and time.monotonic() < deadline, process.said()
        assert process.stop() == 0
    assert not healthy(PORT=nobody, METRICS_PORT=str(port))


def test_a_worker_whose_loop_stands_still_is_not_healthy() -> None:
    with answering(alive=False) as port:
        assert not healthy(PORT=str(free_port()), METRICS_PORT=str(port))
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{port}/livez")
    assert refused.value.code == 503


def test_nobody_at_all_is_not_healthy() -> None:
    assert not healthy(PORT=str(free_port()), METRICS_PORT="0")


@pytest.mark.parametrize(
    ("environ", "listens_on", "opened_by"),
    [
        ({}, "127.0.0.1", ""),
        ({"METRICS_HOST": "::1"}, "::1", ""),
        ({"METRICS_HOST": "0.0.0.0"}, "0.0.0.0", None),
        ({"METRICS_TOKEN": "t0ken"}, "0.0.0.0", "t0ken"),
        ({"METRICS_TOKEN": "t0ken", "METRICS_HOST": "10.0.0.7"}, "10.0.0.7", "t0ken"),
        ({**PRODUCTION}, "127.0.0.1", None),
        ({**PRODUCTION, "METRICS_HOST": "0.0.0.0"}, "0.0.0.0", None),
    ],
)
def test_without_a_token_metrics_are_for_this_machine_in_development_and_for_nobody_else(
    environ: dict[str, str], listens_on: str, opened_by: str | None
) -> None:
    settings = load(environ)
    assert (settings.metrics_on, settings.metrics_key) == (listens_on, opened_by)


def test_a_workers_metrics_are_closed_without_a_token_in_production_but_it_still_tells_that_it_lives() -> None:
    with answering(alive=True, token=None) as port:
        with urlopen(f"http://127.0.0.1:{port}/livez") as answer:
            assert answer.status == 200
        with pytest.raises(URLError):
            urlopen(f"http://127.0.0.1:{port}/metrics")
