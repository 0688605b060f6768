"""One attempt of a task: what it knows, what it may still write, and what has ended it."""

from functools import cached_property
from typing import TYPE_CHECKING

from holdgate.core.config import Settings
from holdgate.runtime.errors import TaskEnded

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from holdgate.core.db import Database, ReadSession
    from holdgate.runtime.attempts.insistence import Insistence
    from holdgate.runtime.attempts.journal import Journal
    from holdgate.runtime.clock import Clock
    from holdgate.tasks.queue.claims import Claimed


class RunningAttempt:
    """The ground of `Context`, which a handler gets: three layers, each a file.

    Products import `Context` for its name, in web processes, too. What only a running attempt needs, the database and
    the log, its methods import.
    """

    def __init__(self, task: "Claimed", *, database: "Database", settings: Settings, actor: str) -> None:
        self.task = task
        self.task_id = task.id
        self.attempt = task.attempt
        self.owner_id = task.owner_id
        self.run_id = task.run_id
        self.subject = task.subject
        self.database = database
        self.settings = settings
        self.clock: Clock | None = None  # of the attempt, once it runs

        self._actor = actor
        self._journal: Journal | None = None  # where its log goes besides
        self._ended: TaskEnded | None = None

    @cached_property
    def log(self) -> "FilteringBoundLogger":
        """A logger that names the task in every line; the last 200 of an attempt are on the task's page."""
        from holdgate.core.telemetry import log

        about = {"task": str(self.task_id), "kind": self.task.kind, "attempt": self.attempt}
        kept = {log.KEPT: self._journal.of(self.task)} if self._journal else {}
        return log.get("holdgate.kinds").bind(**about, **kept)

    @cached_property
    def _insist(self) -> "Insistence":
        from holdgate.runtime.attempts.insistence import Insistence

        return Insistence(self.database, self._actor, lambda: self.log)

    @property
    def last_try(self) -> bool:
        """Whether a failure now would send the task to the dead letters."""
        return self.task.failures + 1 >= self.task.max_attempts

    def idempotency_key(self, step: str) -> str:
        """The same for every attempt of this step of this task: for a header that tells the other side so."""
        return f"{self.task_id}:{step}"

    def _go_on(self) -> None:
        """Raises again what has ended this attempt: a handler that caught it must have no effect any more."""
        if self._ended is not None:
            raise self._ended

    def _end(self, by: TaskEnded) -> TaskEnded:
        """To be raised: after it, and whoever catches it, the context refuses everything."""
        self._ended = self._ended or by
        return by

    async def _runs(self, session: "ReadSession") -> bool:
        """False: it has left this attempt's hands, by what was last written or by somebody else."""
        from holdgate.tasks.queue import steps

        return await steps.still_runs(session, self.task_id, self.attempt)
