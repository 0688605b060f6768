"""What a handler holds in its hand: durable steps, questions to people, progress.

A handler runs again from its top after a crash, a retry or a decision. Steps whose results are stored are passed
over; everything else runs again, so effects belong into steps.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy.exc import StatementError
from structlog.typing import FilteringBoundLogger

from holdgate.approvals import values as approval_values
from holdgate.approvals import versions
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.forms import FormField
from holdgate.approvals.requests import requesting
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Answer, Question
from holdgate.core.config import Settings
from holdgate.core.db import AWAY, Database, ReadSession, WriteSession, refuses_data
from holdgate.core.telemetry import log
from holdgate.core.text.storable import storable_text
from holdgate.core.text.typed import read_as
from holdgate.runtime.attempts import steps
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.attempts.insistence import Insistence
from holdgate.runtime.clock import Clock
from holdgate.runtime.errors import Asleep, Held, LeaseLost, PermanentError, TaskEnded
from holdgate.runtime.resources import Resource, Resources
from holdgate.tasks import artifacts
from holdgate.tasks.artifacts import StoredArtifact
from holdgate.tasks.kinds import LONGEST_WAIT
from holdgate.tasks.queue import steps as queue_steps
from holdgate.tasks.queue.claims import Claimed

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F")
T = TypeVar("T")

VERSION = "version:"  # before the name of the step that keeps one
PROCESS_LIMIT = timedelta(minutes=1)
MOST_NOTE = 500  # characters beside the progress
PROGRESS_INTERVAL = 0.5  # seconds between two writes of a task's progress
PROGRESS_PATIENCE = 2.0  # seconds that the work waits for one


class Context:
    """The runtime's face to one attempt of one task."""

    def __init__(
        self,
        task: Claimed,
        *,
        database: Database,
        settings: Settings,
        actor: str,
        executors: Executors | None = None,
        resources: Resources | None = None,
    ) -> None:
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
        self._executors = executors or Executors()
        self._resources = resources or Resources()
        self._steps: dict[str, str] | None = None
        self._begun: set[str] = set()
        self._before: frozenset[str] = frozenset()  # finished by earlier attempts
        self._progress_at = 0.0
        self._ended: TaskEnded | None = None

    @cached_property
    def log(self) -> FilteringBoundLogger:
        """A logger that names the task in every line."""
        return log.get("holdgate.kinds").bind(task=str(self.task_id), kind=self.task.kind, attempt=self.attempt)

    @cached_property
    def _insist(self) -> Insistence:
        return Insistence(self.database, self._actor, lambda: self.log)

    @property
    def last_try(self) -> bool:
        """Whether a failure now would send the task to the dead letters."""
        return self.task.failures + 1 >= self.task.max_attempts

    def resource(self, wanted: Resource[T]) -> T:
        """What the worker has opened for its handlers. Raises LookupError for what it has not."""
        return self._resources.get(wanted)

    def idempotency_key(self, step: str) -> str:
        """The same for every try of this step of this task: for a header that tells the other side so."""
        return f"{self.task_id}:{step}"

    async def step(self, name: str, function: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` once in the life of the task and remember its result.

        The result goes through JSON (msgspec) by the function's return annotation, the first time as well, so that a
        handler sees the same value whether the step ran now or before. A crash between the end of the function and
        its storing runs it again: give outgoing requests `idempotency_key(name)`.

        Raises:
            PermanentError: the result cannot be stored (steps.py) or, by other code since, cannot be read any more.
        """
        with self._step(name):
            wanted = steps.returned(name, function)
            stored = await self._stored(name)
            if stored is None:
                self._go_on()
                result = steps.encode(name, await function(*args, **kwargs), wanted)

                async def store(session: WriteSession) -> str:
                    return await self._store(session, name, result)

                stored = await self._finish(name, store, one=True)
            value: R = steps.decode(name, stored, wanted)
            return value

    async def version(self, name: str, current: int) -> int:
        """Which version of a changed piece of the handler this task goes by, for as long as it lives.

        `current` for a task that has not begun, 0 for one that had done a step or asked for something before this call
        came into the code: it goes on as it began. Write it at the handler's top, before any step, so that the answer
        is kept before anything is done. The next change is `current` + 1 under the same name.

        Raises:
            PermanentError: a task goes by a newer version than this code has.
        """
        if type(current) is not int or current < 1:
            raise PermanentError(f"The version {name!r} is {current!r}. Use a whole number from 1 on.")

        step = f"{VERSION}{name}"
        steps.check_name(step)
        stored = await self._stored(step)
        if stored is None:
            begun = self.attempt > 1 and await self._insist.read(step, self._has_begun)
            first = "0" if begun else str(current)

            async def keep(session: WriteSession) -> str:
                return await self._store(session, step, first)

            stored = await self._finish(step, keep, one=True)
        chosen = int(stored)
        if chosen > current:
            raise PermanentError(
                f"The task goes by version {chosen} of {name!r}, but this code has {current}. Run the newer code."
            )
        return chosen

    async def transact(
        self,
        name: str,
        function: Callable[Concatenate[WriteSession, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """A step that works in the database: its effects and its being finished commit together, exactly once.

        `function` gets the session first and must not commit.
        """
        with self._step(name):
            wanted = steps.returned(name, function)
            stored = await self._stored(name)
            if stored is None:

                async def work(session: WriteSession) -> str:
                    result = steps.encode(name, await function(session, *args, **kwargs), wanted)
                    # Last, so that a late worker's effects roll back.
                    return await self._store(session, name, result)

                stored = await self._finish(name, work)
            value: R = steps.decode(name, stored, wanted)
            return value

    async def approval(
        self,
        step: str,
        *,
        title: str,
        show: Any,
        form: type[F] | None = None,
        values: F | None = None,
        recipients: tuple[str, ...] = (),
        needed: int = 1,
        self_approval: bool = True,
        level: Literal["link", "sign-in"] = "link",
        ttl: timedelta | None = None,
        take_back: timedelta | None = None,
        on_reject: Literal["stop", "continue"] = "stop",
        on_expire: Literal["stop", "continue"] = "stop",
    ) -> Answer[F]:
        """Ask people whether to go on. Holds the task the first time; afterwards returns the decision.

        What can never be had, two approvals of one person say, is a permanent error.

        Args:
            step: names the question; asking it again finds the answer, if what is shown is still the same. Another
                title, `show` or form is another question: people are asked anew, and told what changed.
            title: what exactly will be done, one line.
            show: what is decided about, plain data or a struct; shown as it is. It must come from the payload and from
                steps, so that it is the same when the handler runs again.
            form: a struct, dataclass or pydantic model of text, number and choice fields that the person may edit;
                `values` prefills it.
            recipients: e-mail addresses; the task's owner when empty.
            needed: how many different people must approve. With one, whoever is first decides; with several nobody can
                change the form, and it is rejected as soon as too few are left.
            self_approval: False bars the task's owner and whoever started its run.
            level: `sign-in` asks people to sign in as the address they were asked at; no link and no token is enough.
            ttl: time to decide, counted from the first delivered mail; `APPROVAL_TTL` by default.
            take_back: how long the task waits once it is approved, so that the approval can still be taken back;
                `APPROVAL_TAKE_BACK` by default.
            on_reject, on_expire: `stop` ends the task so; `continue` returns the decision as a value.
        """
        with _permanent():
            question = Question(
                hold=HoldType.APPROVAL,
                step=step,
                title=title,
                shown=show,
                fields=approval_values.form_of(form, values),
                recipients=recipients,
                needed=needed,
                self_approval=self_approval,
                level=level,
                ttl=ttl or self.settings.approval_ttl,
                take_back=self.settings.approval_take_back if take_back is None else take_back,
                continues_on_reject=on_reject == "continue",
                continues_on_expire=on_expire == "continue",
            )
        answer = await self._ask(question)
        filled = read_as(form, answer.form, strict=False) if answer.approved and form else None
        return Answer(answer.decision, filled, answer.by, answer.reason)

    async def ask(
        self, step: str, *, title: str, fields: Sequence[FormField], show: Any = None, ttl: timedelta | None = None
    ) -> Answer[dict[str, Any]]:
        """Ask the task's owner for answers (`needs_input`). The answers are found by the fields' names."""
        shown = {} if show is None else show
        with _permanent():
            question = Question(hold=HoldType.INPUT, step=step, title=title, shown=shown, fields=tuple(fields), ttl=ttl)
        return await self._ask(question)

    async def sign_in(self, step: str, *, title: str, url: str) -> Answer[dict[str, Any]]:
        """Ask the task's owner to sign in somewhere (`needs_auth`) and to say when it is done."""
        with _permanent():
            question = Question(hold=HoldType.SIGN_IN, step=step, title=title, shown={"url": url})
        return await self._ask(question)

    async def sleep(self, name: str, duration: timedelta) -> None:
        """Let the task wait for `duration` without a worker; it runs again, from its top, when the time has come.

        Args:
            name: names the sleep as a step's does: the time to wake up is stored at the first call and kept since, so
                that sleeping again under the same name waits for what is left of it, or not at all.
            duration: at most ten years.
        """
        self._go_on()
        steps.check_name(name)
        if name in self._begun:
            raise PermanentError(steps.TWICE.format(name=name))
        if duration > LONGEST_WAIT:
            raise PermanentError(f"The sleep {name!r} is longer than ten years. Let it sleep for less.")

        async def snooze(session: WriteSession) -> bool | None:
            return await queue_steps.snooze(session, self.task_id, self.attempt, name, duration)

        async def sleeps(session: ReadSession) -> bool | None:
            return None if await self._runs(session) else False

        slept = await self._insist.write(f"sleep {name}", snooze, sleeps)
        if slept is None:
            raise self._end(LeaseLost(self.task_id))
        if not slept:
            raise self._end(Asleep())

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
        try:
            async with asyncio.timeout(PROGRESS_PATIENCE), self.database.write(self._actor) as session:
                await queue_steps.write_progress(session, self.task_id, self.attempt, *shown)
        except AWAY as error:
            self.log.debug("progress_not_shown", error=repr(error))

    async def artifact(self, name: str, data: bytes, content_type: str) -> StoredArtifact:
        """Keep a file with the task, under a name; a later try that makes it again replaces it.

        Raises:
            Invalid: the name, the type or the size (64 MB) does not fit. FilesAway: the store does not answer.
        """
        self._go_on()
        of = (self.task_id, self.attempt)
        stored = await artifacts.store_artifact(self.database, self.settings, self._actor, of, name, data, content_type)
        if stored is None:
            raise self._end(LeaseLost(self.task_id))
        return stored

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

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """One step of this name. A second one would never run: it would be given the first one's result.

        One that failed may be called again, by a handler that catches its error.
        """
        steps.check_name(name)
        if name in self._begun:
            raise PermanentError(steps.TWICE.format(name=name))
        self._begun.add(name)
        try:
            yield
        except BaseException:
            self._begun.discard(name)
            raise

    async def _has_begun(self, session: ReadSession) -> bool:
        """Whether an earlier attempt has done or asked for anything."""
        if any(not name.startswith(VERSION) for name in self._before):
            return True
        return await versions.has_asked(session, self.task_id)

    def _go_on(self) -> None:
        """Raises again what has ended this attempt: a handler that caught it must have no effect any more."""
        if self._ended is not None:
            raise self._ended

    def _end(self, by: TaskEnded) -> TaskEnded:
        """To be raised: after it, and whoever catches it, the context refuses everything."""
        self._ended = self._ended or by
        return by

    async def _ask(self, question: Question) -> Answer[dict[str, Any]]:
        self._go_on()
        task = self.task

        async def before(session: ReadSession) -> versions.Latest:
            return await versions.latest(session, task.id, question.step)

        # It stays the latest: only this attempt can ask for more, or is refused by the fence.
        latest = await self._insist.read(question.step, before)
        decided = versions.decision_on(latest, question.version, task.round)

        async def put(session: WriteSession) -> Answer[dict[str, Any]] | TaskEnded:
            if decided is not None:
                waits = await requesting.wait_for_undo(session, task, decided)
                return Asleep() if waits else versions.answer_of(decided)
            with _permanent():
                held = await requesting.ask(session, task, question, latest, signup=self.settings.signup)
            return Held() if held else LeaseLost(task.id)

        async def holds(session: ReadSession) -> Answer[dict[str, Any]] | TaskEnded | None:
            return None if await self._runs(session) else Held()

        if decided is not None and decided.goes_on_at is None:
            return versions.answer_of(decided)
        answer = await self._insist.write(question.step, put, holds)
        if isinstance(answer, TaskEnded):
            raise self._end(answer)
        return answer

    async def _runs(self, session: ReadSession) -> bool:
        """False: it has left this attempt's hands, by what was last written or by somebody else."""
        return await queue_steps.still_runs(session, self.task_id, self.attempt)

    async def _stored(self, name: str) -> str | None:
        self._go_on()
        if self._steps is None:

            async def finished(session: ReadSession) -> dict[str, str]:
                return await queue_steps.stored_steps(session, self.task_id)

            # A first attempt has nothing behind it: no look-up on the way of most tasks.
            self._steps = {} if self.attempt == 1 else await self._insist.read("steps", finished)
            self._before = frozenset(self._steps)
        return self._steps.get(name)

    async def _store(self, session: WriteSession, name: str, result: str) -> str:
        try:
            mine = await queue_steps.store_step(session, self.task_id, self.attempt, name, result)
        except StatementError as error:
            if refuses_data(error):  # what has been done cannot be remembered, however often it is done
                raise PermanentError(f"The result of the step {name!r} could not be stored.") from error
            raise
        if not mine:
            raise self._end(LeaseLost(self.task_id))
        return result

    async def _finish(self, name: str, work: Callable[[WriteSession], Awaitable[str]], *, one: bool = False) -> str:
        """Store a step. What has been done must not be done twice because the database was away for a moment."""

        async def done(session: ReadSession) -> str | None:
            return await queue_steps.step_of_attempt(session, self.task_id, name, self.attempt)

        stored = await self._insist.write(name, work, done, one=one)
        assert self._steps is not None
        self._steps[name] = stored
        return stored


@contextmanager
def _permanent() -> Iterator[None]:
    """What a handler asks and people can never answer is no use trying again."""
    try:
        yield
    except QuestionImpossible as problem:
        raise PermanentError(str(problem)) from None
