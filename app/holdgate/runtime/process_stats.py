"""What this process needs of the machine, as its heartbeat says it."""

import os
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

from holdgate.core.process.release import VERSION

_STATM = Path("/proc/self/statm")


class Vitals(NamedTuple):
    """Holdgate's version, bytes resident, and the share of one core since the look before. None: not known."""

    version: str | None = None
    memory: int | None = None
    cpu: float | None = None


class Pulse:
    """Looks at the process again and again."""

    def __init__(self) -> None:
        self._version = VERSION
        self._at, self._used = time.monotonic(), time.process_time()

    def take(self) -> Vitals:
        at, used = time.monotonic(), time.process_time()
        passed, spent = at - self._at, used - self._used
        self._at, self._used = at, used
        return Vitals(self._version, resident(), spent / passed if passed > 0 else None)


def resident() -> int:
    """Bytes of memory: now, or where the kernel does not tell that, at most so far."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
