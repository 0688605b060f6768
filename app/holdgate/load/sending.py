"""Sending: so many a second whatever the answers do (an open loop), by several connections, each request once."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from holdgate.client import Client, Problem
from holdgate.load.client import Connect, Gate, Patient, Stopped
from holdgate.load.mix import Shape

NAME = "Load test"


class Sender:
    """Sends the tasks into a run of their own; the first request makes it.

    Args:
        rate: tasks a second; 0: as fast as the answers come.
        bulk: tasks in each request.
    """

    def __init__(
        self,
        connect: Connect,
        gate: Gate,
        shapes: Sequence[Shape],
        base_url: str,
        *,
        rate: float,
        bulk: int,
        at_once: int,
    ) -> None:
        self._connect, self._gate = connect, gate
        self._parts = [shapes[n : n + bulk] for n in range(0, len(shapes), bulk)]
        self._base_url, self._rate, self._bulk, self._at_once = base_url, rate, bulk, at_once
        self._key = f"load-{uuid4().hex}"
        self._next = 1
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._began = 0.0
        self.run_id = ""
        self.sent = 0  # tasks in requests that have been answered
        self.accepted: Counter[str] = Counter()  # by shape
        self.refused: Counter[str] = Counter()  # by reason
        self.seconds: list[float] = []  # of each request that was accepted
        self.late = 0.0  # the most that a request left behind its time
        self.fault: BaseException | None = None

    def start(self) -> None:
        """Make the run, with the first of the tasks, and begin to send the others. Raises Problem; Stopped."""
        asking = Patient(self._connect, self._gate)
        try:
            tasks = [shape.task(self._base_url) for shape in self._parts[0]]
            once = f"{self._key}-0"
            name = f"{NAME}: {sum(map(len, self._parts)):,} tasks"
            self._began = time.monotonic()
            made, took = asking.ask(lambda hold: hold.create_run(name, tasks, once=once))
        finally:
            asking.close()
        self.run_id = str(made.id)
        self._accept(self._parts[0], took)
        self._threads = [threading.Thread(target=self._send, name=f"load-{n}") for n in range(self._at_once)]
        for thread in self._threads:
            thread.start()

    @property
    def sending(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        asking = Patient(self._connect, self._gate)
        try:
            while (number := self._take()) is not None:
                self._send_part(asking, number)
        except Stopped:
            pass
        except BaseException as error:  # told by the main thread
            self.fault = error
            self._gate.stop()
        finally:
            asking.close()

    def _take(self) -> int | None:
        with self._lock:
            number = self._next
            self._next += 1
        return number if number < len(self._parts) else None

    def _send_part(self, asking: Patient, number: int) -> None:
        part = self._parts[number]
        if self._rate:
            due = self._began + number * self._bulk / self._rate
            self._gate.sleep(max(0.0, due - time.monotonic()))
            with self._lock:
                self.late = max(self.late, time.monotonic() - due)
        tasks = [{**shape.task(self._base_url), "run_id": self.run_id} for shape in part]
        try:
            _, took = asking.ask(lambda hold: self._post(hold, tasks, f"{self._key}-{number}"))
        except Problem as problem:
            with self._lock:
                self.sent += len(part)
                self.refused[f"{problem.status} {problem.title}: {problem.detail}"] += len(part)
        else:
            self._accept(part, took)

    def _post(self, hold: Client, tasks: list[dict[str, Any]], once: str) -> Any:
        if self._bulk > 1:
            return hold.post("/tasks/bulk", {"tasks": tasks}, once=once)
        [task] = tasks
        return hold.post("/tasks", task, once=once)

    def _accept(self, part: Sequence[Shape], took: float) -> None:
        with self._lock:
            self.sent += len(part)
            self.accepted.update(shape.name for shape in part)
            self.seconds.append(took)
