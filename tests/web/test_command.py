"""`holdgate web`: where it listens, and what every connection passes."""

import signal
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from holdgate import cli
from holdgate.web.http.connection import HttpConnection

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://x",
    "REDIS_URL": "redis://x",
    "SECRET_KEY": "x" * 32,
    "BASE_URL": "https://hold.example.com",
    "SMTP_URL": "smtp://x",
    "MAIL_FROM": "hold@example.com",
}


@pytest.mark.parametrize(
    ("environ", "arguments", "host"),
    [
        ({"ENVIRONMENT": ""}, (), "127.0.0.1"),
        ({"ENVIRONMENT": "development"}, (), "127.0.0.1"),
        ({"ENVIRONMENT": "development"}, ("--host", "192.0.2.1"), "192.0.2.1"),
        (PRODUCTION, (), "0.0.0.0"),
        (PRODUCTION, ("--host", "127.0.0.1"), "127.0.0.1"),
        ({**PRODUCTION, "HOST": "::1"}, (), "::1"),
    ],
)
def test_only_production_listens_beyond_this_machine_unasked(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arguments: tuple[str, ...], host: str
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda _app, **more: given.update(more))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    done = CliRunner().invoke(cli.main, ["web", *arguments], env=environ, catch_exceptions=False)
    assert done.exit_code == 0
    assert (given["host"], given["http"]) == (host, HttpConnection)
