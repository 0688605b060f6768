"""Requests that do not give up: told to wait they wait, all together; cut off they ask again, by the same key."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import httpx

from holdgate.client import Client, Problem

T = TypeVar("T")

LONGEST_PAUSE = 2.0  # seconds between two tries without an answer
PASSING = (500, 502, 503, 504)  # of a server that starts, ends, or stands behind a proxy

Connect = Callable[[], Client]


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Gate:
    """What all threads have in common: when they may ask again, and whether they shall still."""

    def __init__(self) -> None:
        self._opens = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.seen: Counter[str] = (
            Counter()
        )  # `429`, `busy` (409), `broken` (no answer, or that of a server that is away)

    def stop(self) -> None:
        self._stop.set()

    def note(self, what: str) -> None:
        with self._lock:
            self.seen[what] += 1

    def close_for(self, seconds: float) -> None:
        with self._lock:
            self._opens = max(self._opens, time.monotonic() + seconds)

    def pass_through(self) -> None:
        """Returns when it is open. Raises Stopped."""
        while (left := self._opens - time.monotonic()) > 0:
            self.sleep(left)
        self.sleep(0)

    def sleep(self, seconds: float) -> None:
        """Raises Stopped."""
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped


class Patient:
    """One connection, which asks until it has an answer. Changes it asks for must carry a key."""

    def __init__(self, connect: Connect, gate: Gate) -> None:
        self._hold = connect()
        self._gate = gate

    def close(self) -> None:
        self._hold.close()

    def ask(self, question: Callable[[Client], T]) -> tuple[T, float]:
        """The answer, and the seconds that the request took which brought it.

        Raises:
            Problem: a refusal that stays one. Stopped.
        """
        failed = 0
        while True:
            self._gate.pass_through()
            began = time.monotonic()
            try:
                answer = question(self._hold)
                return answer, time.monotonic() - began
            except Problem as problem:
                if problem.status == 429:
                    self._gate.note("429")
                    self._gate.close_for(problem.retry_after or 1.0)
                    continue
                if problem.status == 409 and problem.retry_after is not None:
                    # The request before was cut off, and is still being worked on.
                    self._gate.note("busy")
                    self._gate.sleep(problem.retry_after)
                    continue
                if problem.status not in PASSING:
                    raise
                pause = problem.retry_after or 0.0
            except httpx.TransportError:
                pause = 0.0
            self._gate.note("broken")
            self._gate.sleep(max(pause, min(0.1 * 2**failed, LONGEST_PAUSE)))
            failed += 1
