"""What a handler holds in its hand: durable steps, questions to people, progress.

A handler runs again from its top after a crash, a retry or a decision. Steps whose results are stored are passed
over; everything else runs again, so effects belong into steps.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from holdgate.core.config import Settings
from holdgate.core.text.storable import storable_text
from holdgate.runtime.attempts.asking import AskingAttempt
from holdgate.runtime.errors import LeaseLost, PermanentError
from holdgate.runtime.resources import Resource, Resources
from holdgate.tasks.payloads.artifact import StoredArtifact

if TYPE_CHECKING:
    from holdgate.core.db import Database
    from holdgate.runtime.attempts.executors import Executors
    from holdgate.runtime.attempts.journal import Journal
    from holdgate.tasks.queue.claims import Claimed

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

PROCESS_LIMIT = timedelta(minutes=1)
MOST_NOTE = 500  # characters beside the progress
PROGRESS_INTERVAL = 0.5  # seconds between two writes of a task's progress
PROGRESS_PATIENCE = 2.0  # seconds that the work waits for one


class Context(AskingAttempt):
    """The runtime's face to one attempt of one task."""

    def __init__(
        self,
        task: "Claimed",
        *,
        database: "Database",
        settings: Settings,
        actor: str,
        executors: "Executors | None" = None,
        resources: Resources | None = None,
        journal: "Journal | None" = None,
    ) -> None:
        from holdgate.runtime.attempts.executors import Executors

        super().__init__(task, database=database, settings=settings, actor=actor)
        self._journal = journal
        self._executors = executors or Executors()
        self._resources = resources or Resources()
        self._progress_at = 0.0

    def resource(self, wanted: Resource[T]) -> T:
        """What the worker has opened for its handlers. Raises LookupError for what it has not."""
        return self._resources.get(wanted)

    async def progress(self, done: int, total: int, note: str = "") -> None:
        """Show how far it is. Written at most twice a second, and at the end; not while the database is away.

        Of the note 500 characters are kept.
        """
        self._go_on()
        if done < total and time.monotonic() - self._progress_at < PROGRESS_INTERVAL:
            return
        self._progress_at = time.monotonic()
        try:
            shown = int(done), int(total), storable_text(str(note), MOST_NOTE)
        except (TypeError, ValueError, OverflowError) as error:  # no number: that is no reason to fail
            self.log.warning("progress_left_out", error=repr(error))
            return
        from asyncio import timeout

        from holdgate.core.postgres import outages
        from holdgate.tasks.queue import steps

        try:
            async with timeout(PROGRESS_PATIENCE), self.database.write(self._actor) as session:
                await steps.write_progress(session, self.task_id, self.attempt, *shown)
        except outages.AWAY as error:
            self.log.debug("progress_not_shown", error=repr(error))

    async def artifact(self, name: str, data: bytes, content_type: str) -> StoredArtifact:
        """Keep a file with the task, under a name; a later try that makes it again replaces it.

        Raises:
            Invalid: the name, the type or the size (64 MB) does not fit. FilesAway: the store does not answer.
        """
        from holdgate.tasks.artifacts import store_artifact

        self._go_on()
        of = (self.task_id, self.attempt)
        stored = await store_artifact(self.database, self.settings, self._actor, of, name, data, content_type)
        if stored is None:
            raise self._end(LeaseLost(self.task_id))
        return stored

    async def read_file(self, file: StoredArtifact) -> bytes:
        """The bytes of a file of this task: one that it has kept, or that a person has put into a form.

        Raises:
            PermanentError: it is not there, or another one stands under its name by now. FilesAway: the store does not
                answer.
        """
        from holdgate.tasks.artifacts import read_artifact

        data = await read_artifact(self.database, self.settings, self.task_id, file)
        if data is None:
            raise PermanentError(f"The file {file.name!r} is not kept with this task any more.")
        return data

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a plain function that blocks beside the event loop. It cannot be stopped: give it time limits itself.

        Waiting for one of the worker's `THREADS` does not count as running.
        """
        self._go_on()
        call = partial(function, *args, **kwargs)
        return await self._executors.thread(call, (self.task_id, self.attempt), self.clock)

    async def in_process(self, function: Callable[..., R], *args: Any, limit: timedelta = PROCESS_LIMIT) -> R:
        """Run a plain function of a module that needs the processor in another process, for at most `limit`.

        The function, its arguments and its result are pickled: no `ctx`, no sessions; plain data, structs and bytes.
        """
        self._go_on()
        return await self._executors.process(limit, partial(function, *args), self.clock)
