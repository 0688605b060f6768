"""One load test from its first request to its figures."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from holdgate.client import Client, TaskItem
from holdgate.load.approving import Approver
from holdgate.load.client import Gate, Patient, Stopped
from holdgate.load.figures import Figures, as_they_should, courses_of, pace, spread_of
from holdgate.load.mix import Shape, spread
from holdgate.load.progress import Watcher
from holdgate.load.report import progress
from holdgate.load.sending import Sender

EVERY = 1.0  # seconds between two looks
LAST_LOOK = 15.0  # seconds for a last look after Ctrl-C

Tell = Callable[[str], Any]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent and how. `timeout` in seconds, for all of it."""

    base_url: str
    token: str
    count: int
    mix: dict[str, int]
    rate: float = 0.0
    bulk: int = 1
    concurrency: int = 8
    approve: bool = False
    watch: bool = False
    timeout: float = 3600.0

    def shapes(self) -> list[Shape]:
        return list(spread(self.mix, self.count))

    def connect(self) -> Client:
        """A connection that leaves trying again to `Patient`, which counts it."""
        return Client(self.base_url, self.token, tries=1)


class Interrupted(Exception):
    """Ctrl-C, or too long. `figures`: what has been seen until then."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures


def run(plan: Plan, tell: Tell) -> Figures:
    """Send, watch to the end, tell how far it is about once a second. Raises Problem; Interrupted."""
    gate = Gate()
    began = time.monotonic()
    sender = Sender(
        plan.connect,
        gate,
        plan.shapes(),
        plan.base_url,
        rate=plan.rate,
        bulk=plan.bulk,
        at_once=plan.concurrency,
    )
    asking = Patient(plan.connect, gate)
    approver: Approver | None = None
    try:
        sender.start()
        watcher = Watcher(asking, sender.run_id)
        if plan.approve:
            approver = Approver(plan.connect, gate, sender.run_id)
            approver.start()
        _look_on(plan, gate, sender, watcher, began, tell)
        return _figures(plan, sender, watcher.tasks(), gate, began)
    except (KeyboardInterrupt, Stopped):
        gate.stop()
        _join(sender, approver)
        raise Interrupted(_what_is_seen(plan, sender, gate, began)) from None
    finally:
        gate.stop()
        _join(sender, approver)
        asking.close()


def _join(sender: Sender, approver: Approver | None) -> None:
    """Until their threads have ended. Raises what ended one of them."""
    for each in (sender, approver):
        if each is not None:
            each.join()
            if each.fault is not None:
                raise each.fault from None


def _look_on(plan: Plan, gate: Gate, sender: Sender, watcher: Watcher, began: float, tell: Tell) -> None:
    """Returns when nothing is left to do. Raises Stopped."""
    while True:
        sending = sender.sending
        stand = watcher.stand()
        seconds = time.monotonic() - began
        queues = watcher.queues() if plan.watch else None
        tell(progress(seconds, plan.count, sender.sent, stand, gate.seen["429"], queues))
        if not sending and stand.open == 0:
            return
        if seconds > plan.timeout:
            raise Stopped
        gate.sleep(EVERY)


def _what_is_seen(plan: Plan, sender: Sender, gate: Gate, began: float) -> Figures:
    """With the tasks, if the answers come within a moment."""
    last = Gate()
    asking = Patient(plan.connect, last)
    enough = threading.Timer(LAST_LOOK, last.stop)
    enough.start()
    try:
        tasks = Watcher(asking, sender.run_id).tasks() if sender.run_id else []
    except Stopped:
        tasks = []
    finally:
        enough.cancel()
        asking.close()
    # What was under way is neither accepted nor lost.
    return msgspec.structs.replace(_figures(plan, sender, tasks, gate, began), missing=0)


def _figures(plan: Plan, sender: Sender, tasks: list[TaskItem], gate: Gate, began: float) -> Figures:
    courses = courses_of(tasks)
    accepted = sum(sender.accepted.values())
    return Figures(
        run_url=f"{plan.base_url}/runs/{sender.run_id}" if sender.run_id else plan.base_url,
        seconds=time.monotonic() - began,
        sent=sender.sent,
        accepted=accepted,
        refused=dict(sender.refused),
        told_to_wait=gate.seen["429"],
        broken=gate.seen["broken"],
        late=sender.late,
        requests=spread_of(sender.seconds),
        courses=courses,
        ended=sum(task.finished_at is not None for task in tasks),
        otherwise=len(tasks) - as_they_should(courses),
        missing=accepted - len(tasks),
        a_second=pace(tasks),
    )
