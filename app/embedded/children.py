"""The processes that `holdpoint dev` runs side by side, and their common end."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType

PR_SET_PDEATHSIG = 1
END_WITHIN = 8.0  # seconds for a clean end, before a process is killed


class Children:
    """Starts processes, waits until one ends or a signal comes, ends all of them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked_to_stop)

    def start(self, name: str, *command: str) -> None:
        # A session of its own: Ctrl-C reaches us first, and we end them in order.
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self._environ,
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
        return self._stop

    def wait(self) -> str | None:
        """Until a signal comes (None) or a process ends by itself (its name)."""
        while not self._stop:
            if (name := self.ended()) is not None:
                return name
            time.sleep(0.2)
        return None

    def end(self) -> None:
        """SIGTERM to all, in the reverse order of their start; SIGKILL to what is still there after a while."""
        for child in reversed(self._running.values()):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + END_WITHIN
        for child in self._running.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


def _die_with_parent() -> None:
    """After a kill -9 of `holdpoint dev` nothing of it goes on unseen (the embedded servers are adopted)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
