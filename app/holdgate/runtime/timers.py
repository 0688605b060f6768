"""When attempts end by time: one timer of the event loop for all of them, and what it ends.

A timer of the loop for each attempt is set up and taken down thousands of times a second and hardly ever runs out.
"""

import asyncio
from types import TracebackType

GRAIN = 0.05  # seconds by which one may end late


class Timers:
    """What runs out when, in slots of `GRAIN` seconds. Belongs to the event loop in which it is used."""

    def __init__(self) -> None:
        self._slots: dict[int, set[TimeLimit]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0  # the slot for which the timer is set

    @property
    def empty(self) -> bool:
        return not self._slots

    def add(self, limit: "TimeLimit", when: float) -> int:
        """Returns its slot."""
        slot = int(when / GRAIN) + 1
        members = self._slots.get(slot)
        if members is None:
            members = self._slots[slot] = set()
        members.add(limit)
        if self._timer is None or slot < self._next:
            self._set(slot)
        return slot

    def discard(self, limit: "TimeLimit", slot: int) -> None:
        members = self._slots.get(slot)
        if members is not None:
            members.discard(limit)
            if not members:
                del self._slots[slot]

    def _set(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = slot
        self._timer = asyncio.get_running_loop().call_at(slot * GRAIN, self._end)

    def _end(self) -> None:
        now, self._timer = asyncio.get_running_loop().time(), None
        for slot in [slot for slot in self._slots if slot * GRAIN <= now]:
            for limit in self._slots.pop(slot):
                limit.expire()
        if self._slots:
            self._set(min(self._slots))


class TimeLimit:
    """As `asyncio.timeout_at(when)`, by the timer that all share: what is inside is cancelled, and TimeoutError leaves
    it, unless somebody else has cancelled it, too."""

    __slots__ = ("_cancelling", "_expired", "_slot", "_task", "_timers", "_when")

    def __init__(self, timers: Timers, when: float | None) -> None:
        self._timers = timers
        self._when = when
        self._slot: int | None = None
        self._expired = False

    def when(self) -> float | None:
        return self._when

    def expired(self) -> bool:
        return self._expired

    def reschedule(self, when: float | None) -> None:
        """None: never. Once it has expired, nothing changes that."""
        if self._slot is not None:
            self._timers.discard(self, self._slot)
            self._slot = None
        if self._task is None or self._expired:
            raise RuntimeError("It is over.")
        self._when = when
        if when is not None:
            self._slot = self._timers.add(self, when)

    def expire(self) -> None:
        self._slot, self._expired = None, True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> "TimeLimit":
        self._task: asyncio.Task[object] | None = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._slot = self._timers.add(self, self._when) if self._when is not None else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._slot is not None:
            self._timers.discard(self, self._slot)
            self._slot = None
        ours = self._expired and task is not None and task.uncancel() <= self._cancelling
        if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error
