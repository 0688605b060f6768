"""The time an attempt may take: its kind's timeout, which stands still while it waits for a place, and its deadline."""

from asyncio import get_running_loop
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from holdgate.runtime.timers import TimeLimit


class Clock:
    """Of one attempt that runs within `limit`.

    Args:
        deadline: in seconds of the loop's time; it comes also while the clock is paused.
    """

    def __init__(self, limit: TimeLimit, deadline: float | None = None) -> None:
        self._limit = limit
        self._deadline = deadline
        self._left: float | None = None
        self._waiting = 0

    @property
    def deadline_passed(self) -> bool:
        """Whether it was the deadline that ended the attempt."""
        return self._limit.expired() and self._deadline is not None and self._limit.when() == self._deadline

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It stands still inside, for several at once until the last has left."""
        now = get_running_loop().time
        when = self._limit.when()
        if not self._waiting:
            self._left = None if when is None else when - now()
            self._set(self._deadline)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting and self._left is not None and not self._limit.expired():
                end = now() + self._left
                self._set(end if self._deadline is None else min(end, self._deadline))

    def _set(self, when: float | None) -> None:
        with suppress(RuntimeError):  # the attempt has ended, and what it left behind still waits
            self._limit.reschedule(when)
