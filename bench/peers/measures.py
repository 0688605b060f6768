"""What is measured of a peer: one figure a round for each."""

from collections.abc import Awaitable, Callable
from statistics import quantiles
from typing import TypeAlias

from bench.peers.places import Client, Place, Worker

Figures: TypeAlias = dict[str, float]

PATIENCE = 300  # seconds for the work of a round
# Of the tasks of a round, so that each peer works for about as long.
SHARES = {"arq": 0.25, "saq": 0.25, "dramatiq": 0.4, "procrastinate": 0.1, "dbos": 0.1, "bare": 2.0}
FIRST = 0.1  # of the calls, in which processes start and connections open: not counted


async def throughput(place: Place, peer: str, tasks: int, workers: int) -> Figures:
    """From the moment a tenth of the handlers has been called until nothing is left to finish."""
    tasks = max(int(tasks * SHARES.get(peer, 1.0)), 200)
    await place.empty(peer)
    environ = place.environ(peer)
    client = Client(peer, environ)
    processes: list[Worker] = []
    try:
        bulk = client.order("fill", tasks)
        await place.settle(peer)
        before = await place.cost()
        processes = [Worker(peer, environ) for _ in range(workers)]
        done = client.order("drained", PATIENCE)
        after = await place.cost()
    finally:
        client.end()
        told = [process.end() for process in processes]
    calls = sorted(at for one in told for at in one["calls"])
    if len(calls) != tasks:
        raise AssertionError(f"{peer}: {tasks} tasks, but its handlers were called {len(calls)} times")
    first = int(tasks * FIRST)
    found = {f"workers {workers}": (tasks - first) / (done - calls[first])}
    if workers == 1:
        start = told[0]["used"][first // 100]
        found["worker µs"] = 1e6 * (told[0]["cpu"] - start) / (tasks - first)
        found["server µs"] = 1e6 * (after.seconds - before.seconds) / tasks
        found["WAL bytes"] = (after.wal - before.wal) / tasks
        found["bulk"] = bulk
    return found


async def single(place: Place, peer: str, tasks: int) -> Figures:
    await place.empty(peer)
    client = Client(peer, place.environ(peer))
    try:
        return {"single": client.order("single", max(tasks // 20, 50))}
    finally:
        client.end()


async def waking(place: Place, peer: str, tasks: int) -> Figures:
    """Milliseconds from the call that enqueues to the first line of the handler, of an idle worker."""
    await place.empty(peer)
    environ = place.environ(peer)
    client, worker = Client(peer, environ), Worker(peer, environ)
    try:
        number = max(min(tasks // 100, 200), 20)
        client.order("wake", number)
    finally:
        client.end()
        told = worker.end()
    waits = sorted(1000 * wait for wait in told["waits"][-number:])
    cuts = quantiles(waits, n=100, method="inclusive")
    return {"wake p50": cuts[49], "wake p99": cuts[98]}


async def one_worker(place: Place, peer: str, tasks: int) -> Figures:
    return await throughput(place, peer, tasks, 1)


async def two_workers(place: Place, peer: str, tasks: int) -> Figures:
    return await throughput(place, peer, tasks, 2)


MEASURES: dict[str, Callable[[Place, str, int], Awaitable[Figures]]] = {
    "one": one_worker,
    "two": two_workers,
    "single": single,
    "wake": waking,
}


def applies(measure: str, peer: str) -> bool:
    """Bare SQL wakes nobody, and a second one of it would only say something of the machine."""
    return not (peer == "bare" and measure in ("wake", "two"))
