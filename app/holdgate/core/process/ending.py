"""How a process ends: the first signal asks it to, a second one or too long a time ends it whatever it still does."""

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ECHO = 0.5  # seconds in which the same end may be asked for twice: by a terminal and by what supervises us, say


class Ending:
    """The end of this process, once `listen` was called.

    Args:
        begin: is called with the first signal's number in the main thread, between any two of its instructions, so
            that what blocks the event loop does not keep it from being called. It returns at once.
        within: seconds after the first signal in which the process has ended, or is ended with status 1. What all of
            its threads were doing then goes to standard error.
    """

    def __init__(self, begin: Callable[[int], object], within: float) -> None:
        self._begin = begin
        self._within = within
        self._asked_at: float | None = None

    def listen(self) -> None:
        """From the main thread. A SIGHUP that is ignored (nohup) stays so."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            # The only clock that needs neither the event loop nor the interpreter's lock.
            faulthandler.dump_traceback_later(self._within, exit=True)
            self._begin(number)
        elif now - self._asked_at > ECHO:
            os.write(2, f"Asked again to end ({signal.Signals(number).name}): ending at once.\n".encode())
            os._exit(128 + number)
