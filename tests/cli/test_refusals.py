"""Whatever is set wrongly, each command ends with a sentence that says what to do: no traceback, no password."""

import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from bench.commands import every_command
from holdgate.cli import main
from holdgate.core.config import ConfigError, load, misspelt
from holdgate.core.telemetry import log
from tests.processes import ROOT, environment
from tests.servers import Servers

PASSWORD = "p4ss"
COMMANDS = (
    ["kinds"],
    ["enqueue", "test.nothing"],
    ["run", str(uuid4())],
    ["migrate"],
    ["migrate", "--check"],
    ["migrate", "--plan"],
    ["verify"],
    ["doctor"],
    ["retention"],
    ["user", "list"],
    ["user", "add", "ann@example.org"],
    ["user", "disable", "ann@example.org"],
    ["user", "enable", "ann@example.org"],
    ["user", "sign-in-link", "ann@example.org"],
    ["user", "export", "ann@example.org"],
    ["user", "erase", "ann@example.org", "--yes"],
    ["token", "create", "ann@example.org"],
    ["token", "trust", "hg_x"],
    ["group", "list"],
    ["group", "create", "security"],
    ["group", "add", "security", "ann@example.org"],
    ["group", "remove", "security", "ann@example.org"],
    ["group", "delete", "security"],
    ["config", "check"],
)
# Are of a checkout, ask another server, or are processes that have a test of their own below.
OTHERS = {
    ("init",), ("completion",), ("dev",), ("demo",), ("web",), ("worker",), ("load",), ("ask",), ("mcp",),
}  # fmt: skip
REFUSED = {  # before anything is asked
    "another kind of database": {"DATABASE_URL": f"mysql://u:{PASSWORD}@h/d"},
    "a password that is not encoded": {"DATABASE_URL": f"postgresql://u:{PASSWORD}#{PASSWORD}@127.0.0.1/d"},
    "a password with a slash": {"DATABASE_URL": f"postgresql://u:{PASSWORD}/{PASSWORD}@127.0.0.1/d"},
    "a sender without an address": {"MAIL_FROM": "Holdgate"},
    "proxies that are none": {"FORWARDED_ALLOW_IPS": "everybody"},
    "queues that are none": {"QUEUES": "Default:0"},
    "an environment that is none": {"ENVIRONMENT": "prod"},
    "a short key": {"ENVIRONMENT": "production", "SECRET_KEY": PASSWORD},
    "an address that is none": {"HOST": "a b"},
    "authorities that are none": {"CA_FILE": "/no/such/file"},
    "a proxy that is none": {"HTTPS_PROXY": f"socks5://u:{PASSWORD}@proxy"},
}
FOUND_OUT = {  # by who asks
    "a database that is away": {"DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"},
    "a Redis that is away": {"REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:1"},
    "kinds that are none": {"KINDS": "no.such.module"},
    "a directory that is none": {"DATA_DIR": "/dev/null/x", "DATABASE_URL": "", "REDIS_URL": "", "SECRET_KEY": ""},
}


@pytest.fixture(autouse=True)
def logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in this process, whose other tests read the log."""
    monkeypatch.setattr(log, "configure", lambda **_options: None)


def refusals(environ: dict[str, str], *, but: str = "") -> list[str]:
    """What is wrong with how each command ends."""
    wrong = []
    for words in COMMANDS:
        if words[0] == but:
            continue
        done = CliRunner().invoke(main, words, env=environ)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            wrong.append(f"{words}: {done.exception!r}")
        elif done.exit_code not in (0, 1, 2):
            wrong.append(f"{words}: status {done.exit_code}")
        elif done.exit_code and not re.search(r"(\.|: holdgate .*)\s*\Z", done.output):
            wrong.append(f"{words}: {done.output[-200:]!r} is no sentence")
        if PASSWORD in done.output or "Traceback" in done.output:
            wrong.append(f"{words}: {done.output}")
    return wrong


def test_every_command_is_tried() -> None:
    leaves = set(every_command()) - {words[:n] for words in every_command() for n in range(len(words))}
    tried = {words for words in leaves if any(tuple(command[: len(words)]) == words for command in COMMANDS)}
    assert leaves - tried == OTHERS


@pytest.mark.parametrize("broken", REFUSED)
def test_a_setting_that_is_refused_is_named_by_every_command(servers: Servers, tmp_path: Path, broken: str) -> None:
    environ = {**environment(servers, tmp_path), "KINDS": "", **REFUSED[broken]}
    assert refusals(environ) == []
    name = next(iter(REFUSED[broken]))
    assert name in CliRunner().invoke(main, ["user", "list"], env=environ).output
    assert CliRunner().invoke(main, ["config", "check"], env=environ).exit_code == 1


@pytest.mark.parametrize("broken", FOUND_OUT)
@pytest.mark.slow
def test_a_server_that_is_away_ends_every_command_with_a_sentence(
    servers: Servers, tmp_path: Path, broken: str
) -> None:
    assert refusals({**environment(servers, tmp_path), "KINDS": "", **FOUND_OUT[broken]}) == []


@pytest.mark.parametrize("name", ["no_such_database", "postgres"])
def test_another_database_is_known_for_one(servers: Servers, tmp_path: Path, name: str) -> None:
    url = make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)
    environ = {**environment(servers, tmp_path), "KINDS": "", "DATABASE_URL": url}
    assert refusals(environ, but="migrate") == []
    done = CliRunner().invoke(main, ["user", "list"], env=environ)
    assert (done.exit_code, "DATABASE_URL" in done.output) == (1, True)


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_process_that_cannot_start_says_so_in_a_sentence(servers: Servers, tmp_path: Path, command: str) -> None:
    for broken in ("a sender without an address", "a password that is not encoded"):
        environ = {**environment(servers, tmp_path), **REFUSED[broken]}
        done = subprocess.run(
            [sys.executable, "-m", "holdgate.cli", command], cwd=ROOT, env=environ, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert PASSWORD not in done.stderr


def test_a_misspelt_setting_is_named_with_what_was_meant() -> None:
    assert misspelt({"DATABSE_URL": "x", "RETENTON": "1d", "LOG_LEVELS": "info", "PATH": "x", "HOME": "x"}) == [
        "DATABSE_URL is no setting. Did you mean DATABASE_URL?",
        "LOG_LEVELS is no setting. Did you mean LOG_LEVEL?",
        "RETENTON is no setting. Did you mean RETENTION?",
    ]
    assert misspelt({"REDIS_URLS": "x", "REDIS_URL": "y"}) == []  # somebody else's, beside ours


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%23s@one:5432,two/d",
        "postgresql://u@[::1]:5432/d",
        "postgresql:///d?host=/run/postgresql",
        "postgresql://holdgate@/d?host=%2Ftmp",
    ],
)
def test_urls_as_people_have_them_are_taken(url: str) -> None:
    assert load({"DATABASE_URL": url}).database_url
    with pytest.raises(ConfigError):
        load({"DATABASE_URL": url.replace("/d", "#/d").replace("//", "//u:%@", 1)})
