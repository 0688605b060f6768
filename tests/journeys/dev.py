"""`holdgate dev` as a person starts it, at a terminal or in the background."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdgate.embedded import postgres, valkey
from tests.processes import ROOT

PATIENCE = 40.0  # seconds on a busy machine; the first start takes about three on an idle one


class Dev:
    """`background`: as a shell starts `make run &`, deaf to Ctrl-C; else at a terminal of its own."""

    def __init__(self, data_dir: Path, log: Path, background: bool = False, **more: str) -> None:
        self.data_dir, self.log = data_dir, log
        self.keyboard, terminal = os.openpty()
        environ = {"PATH": os.environ["PATH"], "HOME": str(data_dir), "DATA_DIR": str(data_dir), **more}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "holdgate.cli", "dev"],
                cwd=ROOT,
                env=environ,
                stdout=out,
                stdin=subprocess.DEVNULL if background else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_deaf if background else _at_terminal,
            )
        os.close(terminal)

    def link(self, number: int = 1) -> str:
        """The sign-in link it prints: the first, or a later one."""
        deadline = time.monotonic() + PATIENCE
        while True:
            said = self.log.read_text()
            if len(found := re.findall(r"Sign in \(once\)\s+(\S+)\s", said)) >= number:
                return str(found[number - 1])
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def enter(self) -> None:
        os.write(self.keyboard, b"\n")

    def interrupt(self, by: signal.Signals = signal.SIGINT) -> float:
        """Ctrl-C; how many seconds it took to stop."""
        began = time.monotonic()
        self.process.send_signal(by)
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()
        return time.monotonic() - began


def _at_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def dev(data_dir: Path, log: Path, background: bool = False, **more: str) -> Iterator[Dev]:
    started = Dev(data_dir, log, background, **more)
    try:
        yield started
    finally:
        os.close(started.keyboard)
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()
        postgres.stop(data_dir)
        valkey.stop(data_dir)
