"""Inline mode: what a test enqueues runs at once, when its transaction has committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from holdgate.testing.loops import BlockingRunner
from holdgate.testing.tester import KindTester


@contextmanager
def inline_mode(tester: KindTester, run: BlockingRunner) -> Iterator[None]:
    """After each commit of a SQLAlchemy session in this process, plain or async, ready tasks are tried once.

    The handler runs where the commit was: on the test's event loop, or on the runner's for plain code.
    """
    at_work = False

    def work(_session: Session) -> Any:
        nonlocal at_work
        if at_work:  # a commit of the handler's, or of the queue's own: `drain` looks again
            return
        at_work = True
        try:
            if in_greenlet():
                await_only(tester.drain())
            else:
                run(tester.drain())
        finally:
            at_work = False

    event.listen(Session, "after_commit", work)
    try:
        yield
    finally:
        event.remove(Session, "after_commit", work)
