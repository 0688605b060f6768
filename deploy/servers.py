"""The servers that a trial of a built Holdgate works with: the embedded ones, on loopback ports, and a mail server."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from holdgate.embedded import postgres, valkey


@dataclass(frozen=True)
class Around:
    """What there is around the application, and the environment that names it."""

    mails: Path
    environ: dict[str, str]


@contextmanager
def servers(home: Path) -> Iterator[Around]:
    """An empty PostgreSQL, a Valkey and an SMTP server. `home` is a short path: sockets lie below it."""
    mails = home / "mails"
    mails.mkdir(parents=True)
    smtp = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.smtp_process", str(mails)], stdout=subprocess.PIPE, text=True
    )
    assert smtp.stdout is not None
    try:
        database, redis = postgres.start(home / "servers", fast=True), valkey.start(home / "servers")
        parts = urlsplit(database)
        sockets = parse_qs(parts.query)["host"][0]
        with (
            _on_loopback(f"{sockets}/.s.PGSQL.5432") as database_port,
            _on_loopback(urlsplit(redis).path) as redis_port,
        ):
            environ = {
                "DATABASE_URL": f"postgresql://{parts.username}@127.0.0.1:{database_port}{parts.path}",
                "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "SMTP_URL": f"smtp://127.0.0.1:{smtp.stdout.readline().strip()}",
                "MAIL_FROM": "Holdgate <holdgate@example.org>",
                "SECRET_KEY": os.urandom(32).hex(),
                "ENVIRONMENT": "production",
            }
            yield Around(mails, environ)
    finally:
        postgres.stop(home / "servers")
        valkey.stop(home / "servers")
        smtp.kill()
        smtp.wait()


@contextmanager
def _on_loopback(path: str) -> Iterator[int]:
    """The embedded servers listen on sockets that only their owner may open; a container knows addresses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_accept, args=(listener, path), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, path: str) -> None:
    with suppress(OSError):
        while True:
            link, _ = listener.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(path)
            for source, target in ((link, there), (there, link)):
                Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
