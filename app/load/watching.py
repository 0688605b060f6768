"""Watching the run to its end: how far it is, how the queues stand, and deciding what its tasks ask."""

from collections import Counter
from typing import Any

import msgspec

from app.client import Holdpoint, Problem, TaskItem
from app.load.asking import Patient

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
        self._decided: set[str] = set()
        self.decisions: Counter[str] = Counter()

    def stand(self) -> Stand:
        run, _ = self._asking.ask(lambda hold: hold.run(self._run_id))
        return Stand(run["counts"], run["total"], run["open"])

    def queues(self) -> Queues:
        stats, _ = self._asking.ask(lambda hold: hold.stats())
        return Queues(
            ready=sum(queue["ready"] for queue in stats["queues"]),
            oldest=stats["oldest"] or 0.0,
            workers=stats["workers"].get("online", 0),
            in_hand=sum(queue["running"] for queue in stats["queues"]),
        )

    def tasks(self, state: str = "") -> list[TaskItem]:
        """All of the run, page by page, so that a page that fails is asked for again alone."""
        asked: dict[str, Any] = {"run_id": self._run_id, "limit": MOST, **({"state": state} if state else {})}
        found: list[TaskItem] = []
        while True:
            page, _ = self._asking.ask(lambda hold: hold.get("/tasks", asked))
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            asked["cursor"] = page["next_cursor"]

    def approve_all(self) -> None:
        """Approve what tasks of this run ask. Somebody else's decision counts as well."""
        for task in self.tasks("pending_approval"):
            for each in self._questions_of(task["id"]):
                if each["id"] not in self._decided:
                    self._approve(each["id"])

    def _questions_of(self, task_id: str) -> list[dict[str, Any]]:
        found, _ = self._asking.ask(lambda hold: list(hold.approvals(task_id=task_id, state="pending")))
        return found

    def _approve(self, id: str) -> None:
        def decide(hold: Holdpoint) -> Any:
            return hold.decide(hold.approval(id), "approve", once=f"load-approve-{id}")

        try:
            self._asking.ask(decide)
            self.decisions["approved"] += 1
        except Problem as problem:
            if problem.status not in (404, 409):
                raise
            self.decisions[f"not approved: {problem.title}"] += 1
        self._decided.add(id)
