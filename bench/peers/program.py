"""What a program of `programs/` is: a `Peer`, and the loop that obeys the measurement. Standard library only.

`client` enqueues as told, a line of JSON for each order. `work` is one worker process that runs until its standard
input ends, then writes what its handlers noted and is gone.
"""

import asyncio
import json
import os
import random
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any

BULK = 1000  # tasks in one call
WARM = 5  # wake-ups that are not counted

Payload = dict[str, Any]

_calls: list[float] = []
_waits: list[float] = []
_used: list[float] = []  # the process's processor time, at each hundredth call


def note(sent: float) -> None:
    """The first line of every handler."""
    now = time.monotonic()
    _calls.append(now)
    if sent:
        _waits.append(now - sent)
    if len(_calls) % 100 == 1:
        _used.append(time.process_time())


def payload(number: int, sent: float = 0.0) -> Payload:
    """A small one. `sent`: when, if how long it takes is measured."""
    return {"number": number, "email": f"person{number % 5000}@example.org", "sent": sent}


class Peer(ABC):
    """One queue.

    Args:
        url: of its own PostgreSQL database.
        redis: of the Redis that it shares with nobody meanwhile.
    """

    distribution = ""  # the name under which its version is found
    settings = ""  # what differs from its defaults, for the table

    def __init__(self, url: str, redis: str) -> None:
        self.url, self.redis = url, redis

    def install(self) -> None:  # noqa: B027  (Redis needs none)
        """Make the tables, once."""

    async def open(self) -> None:  # noqa: B027  (some connect by themselves)
        """Connect as a client."""

    @abstractmethod
    async def one(self, given: Payload) -> None:
        """The single call, wake-up included."""

    @abstractmethod
    async def many(self, given: list[Payload]) -> None:
        """The fastest way to enqueue these at once."""

    @abstractmethod
    async def busy(self) -> bool:
        """Whether anything is not finished. Asked often: must be cheap."""

    @abstractmethod
    def work(self) -> None:
        """Work for ever, in this process."""


def main(make: Callable[[str, str], Peer]) -> None:
    peer = make(os.environ["BENCH_DATABASE"], os.environ["BENCH_REDIS"])
    if sys.argv[1] == "install":
        peer.install()
        print(json.dumps({"version": version(peer.distribution), "settings": peer.settings}))
    elif sys.argv[1] == "work":
        threading.Thread(target=_report, args=(Path(sys.argv[2]),), daemon=True).start()
        peer.work()
    else:
        _run(_obey(peer))


def _run(work: Coroutine[Any, Any, None]) -> None:
    import uvloop

    uvloop.run(work)


def _report(path: Path) -> None:
    sys.stdin.readline()
    path.write_text(json.dumps({"calls": _calls, "waits": _waits, "used": _used, "cpu": time.process_time()}))
    os._exit(0)


async def _obey(peer: Peer) -> None:
    orders: dict[str, Callable[[Peer, int], Coroutine[Any, Any, float]]] = {
        "fill": _fill,
        "single": _single,
        "drained": _drained,
        "wake": _wake,
    }
    await peer.open()
    await peer.busy()  # the first statement of a connection is slow
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, number = json.loads(line)
        print(json.dumps(await orders[name](peer, number)), flush=True)


async def _fill(peer: Peer, number: int) -> float:
    """Tasks a second, in calls of `BULK`; the first call is not counted, if there are others."""
    began = time.perf_counter()
    for start in range(0, number, BULK):
        if start == BULK:
            began = time.perf_counter()
        await peer.many([payload(n) for n in range(start, min(start + BULK, number))])
    return (number - BULK if number > BULK else number) / (time.perf_counter() - began)


async def _single(peer: Peer, number: int) -> float:
    """Tasks a second, each once the one before is safe."""
    for n in range(WARM):
        await peer.one(payload(n))
    began = time.perf_counter()
    for n in range(number):
        await peer.one(payload(n))
    return number / (time.perf_counter() - began)


async def _drained(peer: Peer, seconds: int) -> float:
    """When nothing was left."""
    ends = time.monotonic() + seconds
    while await peer.busy():
        if time.monotonic() > ends:
            raise TimeoutError("its workers do not end the work")
        await asyncio.sleep(0.01)
    return time.monotonic()


async def _wake(peer: Peer, number: int) -> float:
    """One task after another for an idle worker, at times that no poll is in step with."""
    for n in range(WARM + number):
        await asyncio.sleep(random.uniform(0.02, 0.06) if n >= WARM else 0.3)
        await peer.one(payload(n, time.monotonic()))
        await _drained(peer, 30)
    return time.monotonic()
