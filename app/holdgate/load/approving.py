"""Approving what the tasks of the run ask, by a connection of its own: people do not stop those who send."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from holdgate.client import Client, Problem
from holdgate.load.client import Connect, Gate, Patient, Stopped
from holdgate.load.progress import Watcher

EVERY = 0.5  # seconds between two looks


class Approver:
    """A thread that goes on until the gate is stopped. `fault`: what ended it before."""

    def __init__(self, connect: Connect, gate: Gate, run_id: str) -> None:
        self._asking, self._gate = Patient(connect, gate), gate
        self._watcher = Watcher(self._asking, run_id)
        self._decided: set[UUID] = set()
        self._thread = threading.Thread(target=self._go_on, name="load-approver")
        self.fault: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _go_on(self) -> None:
        try:
            while True:
                self._approve_all()
                self._gate.sleep(EVERY)
        except Stopped:
            pass
        except BaseException as error:  # told by the main thread
            self.fault = error
            self._gate.stop()
        finally:
            self._asking.close()

    def _approve_all(self) -> None:
        ours = {task.id for task in self._watcher.tasks("pending_approval")}
        if ours:
            asked, _ = self._asking.ask(lambda hold: list(hold.iter_approvals(state="pending", limit=200)))
            for each in asked:
                if each.task_id in ours and each.id not in self._decided:
                    self._asking.ask(_decide(each.id))
                    self._decided.add(each.id)


def _decide(id: UUID) -> Callable[[Client], Any]:
    def decide(hold: Client) -> Any:
        try:
            return hold.decide(hold.approval(id), "approve", once=f"load-approve-{id}")
        except Problem as problem:
            if problem.status == 404 or (problem.status == 409 and problem.retry_after is None):
                return None  # somebody else was faster, or it has ended meanwhile
            raise

    return decide
