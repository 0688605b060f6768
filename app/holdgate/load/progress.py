"""Watching the run to its end: how far it is, and how the queues stand."""

from typing import Any

import msgspec

from holdgate.client import Page, TaskItem
from holdgate.load.client import Patient

MOST = 200  # items of a page


class Stand(msgspec.Struct, frozen=True):
    """How far the run is. `open`: tasks that have not ended."""

    counts: dict[str, int]
    total: int
    open: int


class Queues(msgspec.Struct, frozen=True):
    """How the queues stand, over everything that the token may see. `oldest` in seconds."""

    ready: int
    oldest: float
    workers: int
    in_hand: int


class Watcher:
    """Looks at one run by a connection of its own."""

    def __init__(self, asking: Patient, run_id: str) -> None:
        self._asking, self._run_id = asking, run_id

    def stand(self) -> Stand:
        run, _ = self._asking.ask(lambda hold: hold.run(self._run_id))
        return Stand(run.counts, run.total, run.open)

    def queues(self) -> Queues:
        stats, _ = self._asking.ask(lambda hold: hold.stats())
        return Queues(
            ready=sum(queue.ready for queue in stats.queues),
            oldest=stats.oldest or 0.0,
            workers=stats.workers.get("online", 0),
            in_hand=sum(queue.running for queue in stats.queues),
        )

    def tasks(self, state: str = "") -> list[TaskItem]:
        """All of the run, page by page, so that a page that fails is asked for again alone."""
        asked: dict[str, Any] = {"run_id": self._run_id, "limit": MOST, **({"state": state} if state else {})}
        found: list[TaskItem] = []
        while True:
            answer, _ = self._asking.ask(lambda hold: hold.get("/tasks", asked))
            page = msgspec.convert(answer, Page[TaskItem])
            found += page.items
            if page.next_cursor is None:
                return found
            asked["cursor"] = page.next_cursor
