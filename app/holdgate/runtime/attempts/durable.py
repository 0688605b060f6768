"""What a task keeps from one attempt to the next: steps with their results, versions of the code, sleeps."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from holdgate.core.config import Settings
from holdgate.runtime.attempts import steps
from holdgate.runtime.attempts.attempt import RunningAttempt
from holdgate.runtime.errors import Asleep, LeaseLost, PermanentError
from holdgate.tasks.kinds import LONGEST_WAIT

if TYPE_CHECKING:
    from holdgate.core.db import Database, ReadSession, WriteSession
    from holdgate.tasks.queue.claims import Claimed

P = ParamSpec("P")
R = TypeVar("R")

VERSION = "version:"  # before the name of the step that keeps one


class DurableAttempt(RunningAttempt):
    """An attempt that passes over what an earlier one has finished."""

    def __init__(self, task: "Claimed", *, database: "Database", settings: Settings, actor: str) -> None:
        super().__init__(task, database=database, settings=settings, actor=actor)
        self._steps: dict[str, str] | None = None
        self._begun: set[str] = set()
        self._before: frozenset[str] = frozenset()  # finished by earlier attempts

    async def step(self, name: str, function: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` once in the life of the task and remember its result.

        The result goes through JSON (msgspec) by the function's return annotation, the first time as well, so that a
        handler sees the same value whether the step ran now or before. A crash between the end of the function and
        its storing runs it again: give outgoing requests `idempotency_key(name)`.

        Raises:
            PermanentError: the result can’t be stored (steps.py) or, by other code since, can’t be read any more.
        """
        with self._step(name):
            wanted = steps.returned(name, function)
            stored = await self._stored(name)
            if stored is None:
                self._go_on()
                result = steps.encode(name, await function(*args, **kwargs), wanted)

                async def store(session: "WriteSession") -> str:
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

            async def keep(session: "WriteSession") -> str:
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
        function: Callable[Concatenate["WriteSession", P], Awaitable[R]],
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

                async def work(session: "WriteSession") -> str:
                    result = steps.encode(name, await function(session, *args, **kwargs), wanted)
                    # Last, so that a late worker's effects roll back.
                    return await self._store(session, name, result)

                stored = await self._finish(name, work)
            value: R = steps.decode(name, stored, wanted)
            return value

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

        from holdgate.tasks.queue import steps as stored_steps

        async def snooze(session: "WriteSession") -> bool | None:
            return await stored_steps.snooze(session, self.task_id, self.attempt, name, duration)

        async def sleeps(session: "ReadSession") -> bool | None:
            return None if await self._runs(session) else False

        slept = await self._insist.write(f"sleep {name}", snooze, sleeps)
        if slept is None:
            raise self._end(LeaseLost(self.task_id))
        if not slept:
            raise self._end(Asleep())

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

    async def _has_begun(self, session: "ReadSession") -> bool:
        """Whether an earlier attempt has done or asked for anything."""
        if any(not name.startswith(VERSION) for name in self._before):
            return True
        from holdgate.approvals.versions import has_asked

        return await has_asked(session, self.task_id)

    async def _stored(self, name: str) -> str | None:
        self._go_on()
        if self._steps is None:
            from holdgate.tasks.queue import steps as stored_steps

            async def finished(session: "ReadSession") -> dict[str, str]:
                return await stored_steps.stored_steps(session, self.task_id)

            # A first attempt has nothing behind it: no look-up on the way of most tasks.
            if self.attempt == 1:
                self._steps = {}
            elif self.task.steps is not None:
                self._steps = stored_steps.steps_of(self.task.steps)
            else:
                self._steps = await self._insist.read("steps", finished)
            self._before = frozenset(self._steps)
        return self._steps.get(name)

    async def _store(self, session: "WriteSession", name: str, result: str) -> str:
        from sqlalchemy.exc import StatementError

        from holdgate.core.postgres.outages import refuses_data
        from holdgate.tasks.queue import steps as stored_steps

        try:
            mine = await stored_steps.store_step(session, self.task_id, self.attempt, name, result)
        except StatementError as error:
            if refuses_data(error):  # what has been done cannot be remembered, however often it is done
                raise PermanentError(f"The result of the step {name!r} could not be stored.") from error
            raise
        if not mine:
            raise self._end(LeaseLost(self.task_id))
        return result

    async def _finish(self, name: str, work: Callable[["WriteSession"], Awaitable[str]], *, one: bool = False) -> str:
        """Store a step. What has been done must not be done twice because the database was away for a moment."""

        from holdgate.tasks.queue import steps as stored_steps

        async def done(session: "ReadSession") -> str | None:
            return await stored_steps.step_of_attempt(session, self.task_id, name, self.attempt)

        stored = await self._insist.write(name, work, done, one=one)
        assert self._steps is not None
        self._steps[name] = stored
        return stored
