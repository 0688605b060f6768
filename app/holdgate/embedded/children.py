"""The processes that `holdgate dev` runs side by side, and their common end."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from holdgate.core.process.ending import ECHO, SIGNALS

PR_SET_PDEATHSIG = 1
END_WITHIN = 12.0  # seconds for a clean end, before a process is killed
SETTLED = 5.0  # seconds after which a process has started well; one that ends sooner is not started again


class Children:
    """Starts processes, waits until one ends or a signal comes, ends all of them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._stop_at: float | None = None
        for number in SIGNALS:
            signal.signal(number, self._asked_to_stop)

    def start(self, name: str, *command: str) -> None:
        self._started[name] = time.monotonic(), command
        # A session of its own: Ctrl-C reaches us first, and we end them in order.
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self.environ,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if name == "careers" else None,
        )

    def ended(self) -> str | None:
        """The name of a process that has ended by itself."""
        return next((name for name, child in self._running.items() if child.poll() is not None), None)

    @property
    def stopping(self) -> bool:
        return self._stop_at is not None

    def keep(
        self, say: Callable[[str], None], entered: Callable[[], None], look: Callable[[], None] | None = None
    ) -> str | None:
        """Until a signal comes (None). A process that ends is started again; one that does not stay up ends it all.

        Args:
            say: is told what happens.
            entered: somebody at the terminal has pressed Enter.
            look: is called several times a second, and may `restart`. Then one that does not stay up waits for that.
        """
        while not self.stopping:
            if (name := self.ended()) is not None:
                since, command = self._started[name]
                say(f"The {name} process has ended ({_how(self._running[name].returncode)}).")
                if time.monotonic() - since > SETTLED:
                    say(f"Starting another {name}.")
                    self.start(name, *command)
                elif look is None:
                    return name
                else:
                    say(f"The {name} process starts again when a file changes.")
                    del self._running[name]
            if look is not None:
                look()
            if _enter_within(0.2):
                entered()
        say("Stopping …")
        return None

    def restart(self, *names: str) -> None:
        """End these and start them again, whether they still run or not."""
        _end([self._running[name] for name in names if name in self._running])
        for name in names:
            self.start(name, *self._started[name][1])

    def end(self) -> None:
        _end([*self._running.values()])

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        """The first lets them end, which takes as long as their work; another one does not wait for that."""
        if self._stop_at is None:
            self._stop_at = time.monotonic()
        elif time.monotonic() - self._stop_at > ECHO:
            for child in self._running.values():
                if child.poll() is None:
                    child.kill()


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, in the reverse order of their start; SIGKILL to what is still there after a while."""
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + END_WITHIN
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def at_terminal() -> bool:
    """Whether somebody can type to us. In the background reading would stop us (SIGTTIN)."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _enter_within(seconds: float) -> bool:
    if at_terminal() and select.select([0], [], [], seconds)[0] and os.read(0, 1000):
        return True
    time.sleep(seconds)
    return False


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _die_with_parent() -> None:
    """After a kill -9 of `holdgate dev` nothing of it goes on unseen (the embedded servers are adopted)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
