"""One copy of the tree with servers of its own, in which one place after another is broken."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from holdgate.embedded import postgres, valkey
from tests.mutations.table import ROOT, Mutation

SECONDS = 180  # for one test, the start of Python and the migration of a template database included
HOME = ROOT / ".holdgate" / "mutations"
# Packages of a few tests would be imported by each run.
PLUGINS = "pytest_asyncio.plugin,xdist.plugin,_hypothesis_pytestplugin,holdgate.testing.plugin"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
FAILED = re.compile(r"^FAILED .*?(?: - (.*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """`said`: what the failed test said, or what pytest wrote when it ended otherwise."""

    status: str
    said: str
    seconds: float


class Copy:
    """Files are copied, so a test may write where it likes; what was compiled stays for the next run."""

    def __init__(self, number: int) -> None:
        self._servers = HOME / f"servers-{number}"
        self._tree = HOME / f"tree-{number}"
        self._environment: dict[str, str] = {}

    def start(self) -> None:
        shutil.rmtree(self._tree, ignore_errors=True)
        shutil.copytree(ROOT, self._tree, ignore=LEFT_OUT)
        self._servers.mkdir(parents=True, exist_ok=True)
        self._environment = {
            **os.environ,
            "DATABASE_URL": postgres.start(self._servers, fast=True),
            "REDIS_URL": valkey.start(self._servers),
            "PYTHONPATH": str(self._tree / "app"),  # before the installation that leads to this tree
            "PYTHONDONTWRITEBYTECODE": "",
            "COLUMNS": "200",  # of what pytest says
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": PLUGINS,
        }

    def stop(self) -> None:
        postgres.stop(self._servers)
        valkey.stop(self._servers)
        shutil.rmtree(self._tree, ignore_errors=True)

    def run(self, mutation: Mutation) -> Outcome:
        """What its test says while its place is broken."""
        path = self._tree / mutation.file
        whole = path.read_text()
        path.write_text(mutation.broken(self._tree))
        try:
            return self.test([mutation.test])
        finally:
            path.write_text(whole)

    def test(self, names: list[str], seconds: float = SECONDS) -> Outcome:
        """A test that failed is told from one that could not run, by its fixtures or by its module."""
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-rf", "--tb=short", *names]
        process = subprocess.Popen(
            command,
            cwd=self._tree,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return Outcome("hung", f"It had not ended after {seconds:g} seconds.", time.monotonic() - began)
        took = time.monotonic() - began
        failure = FAILED.search(output)
        if process.returncode == 0:
            return Outcome("survived", "", took)
        if process.returncode == 1 and failure:
            return Outcome("killed", failure[1] or "", took)
        return Outcome("broken", output[-2000:], took)


def _end(process: "subprocess.Popen[str]") -> None:
    """With all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
