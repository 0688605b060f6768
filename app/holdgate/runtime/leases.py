"""Renews the leases of what a worker has in hand and writes its heartbeat, in a thread with a connection of its own.

So a handler that blocks the event loop costs its neighbours nothing. The thread also sees who blocks the loop, and says
so. It does not renew for ever: a loop that has been blocked for longer than the blocking kind's timeout and a lease
(`UNKNOWN` seconds when it is no handler) does not come back, and everything in hand is left to other workers.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.postgres.server_line import ServerLine
from holdgate.core.telemetry import log
from holdgate.core.text.source_line import own_line
from holdgate.runtime.workers import NAME, Presence
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import Attempt, Claimed

TICK = 0.25  # seconds between two signs of life of the loop
BLOCKED = 2.0  # seconds after which it counts as blocked, and between the first two looks at by whom
UNKNOWN = timedelta(minutes=1)  # that something other than a handler may block it
SILENT = 15.0  # seconds of a blocked loop after which the worker is not heard of either

# The claimed task that an asyncio task works for. Those that a handler makes inherit it. Before Python 3.12 nobody else
# can look into their context; then only the tasks that the worker itself has made are known.
_TASK: ContextVar[Claimed] = ContextVar("claimed task")

logger = log.get(__name__)


def working_for(task: Claimed) -> None:
    """From now on the present asyncio task works for this one."""
    _TASK.set(task)


def quick_limit(lease: timedelta) -> timedelta:
    """Of a claim or a heartbeat: a silent server is noticed, and left, while the leases still hold."""
    return min(max(lease / 3, timedelta(seconds=2)), timedelta(seconds=5))


def idle_limit(lease: timedelta) -> timedelta:
    """Of a worker's transaction that does nothing: the locks of a frozen worker, the sweeper's above all, must not
    outlast the leases that others would recover."""
    return min(lease, timedelta(seconds=5))


class Leases:
    """The thread. `run` starts it and ends it.

    Args:
        held: the attempts in hand; called in the thread, as is `beat`.
        works_for: what an asyncio task of the worker works for; called in the thread.
        beat: writes the heartbeat of a worker that holds so many, and that shows its presence or does not.
        renewed: called in the loop after each renewal with (the attempts asked for, those that are still held).
        line: the worker's other connections: that the server has fallen silent on one is true for all.
    """

    def __init__(
        self,
        settings: Settings,
        actor: str,
        *,
        held: Callable[[], list[Attempt]],
        works_for: Callable[[asyncio.Task[Any]], Claimed | None],
        beat: Callable[[WriteSession, int, bool], Awaitable[None]],
        renewed: Callable[[list[Attempt], set[Attempt]], None],
        presence: Presence,
        line: ServerLine | None = None,
    ) -> None:
        self._settings = settings
        self._actor = actor
        self._held, self._works_for, self._beat, self._renewed = held, works_for, beat, renewed
        self._presence = presence
        self._line = line
        self._turned = time.monotonic()
        self._given_up = False
        self._ended: asyncio.Future[None] | None = None
        self.beat_at: float | None = None

    @property
    def blocked(self) -> float:
        """Seconds since the event loop last turned."""
        return time.monotonic() - self._turned

    async def run(self) -> None:
        """Until `end`, cancelled, or until the thread fails. Afterwards it writes nothing any more."""
        self._loop, self._main = asyncio.get_running_loop(), threading.get_ident()
        ended = self._ended = self._loop.create_future()
        self._thread_loop = asyncio.new_event_loop()
        self._keeping = self._thread_loop.create_task(self._keep())
        threading.Thread(target=self._work, args=(ended,), name="leases", daemon=True).start()
        try:
            while not ended.done():
                self._turned = time.monotonic()
                await asyncio.wait([ended], timeout=TICK)
            ended.result()
        finally:
            await self.end()

    async def end(self) -> None:
        if self._ended is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._thread_loop.call_soon_threadsafe(self._keeping.cancel)
            await asyncio.wait([self._ended], timeout=5)

    def _work(self, ended: asyncio.Future[None]) -> None:
        failure: BaseException | None = None
        try:
            self._thread_loop.run_until_complete(self._keeping)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            failure = error
        self._thread_loop.close()
        with suppress(RuntimeError):  # the worker's loop is closed: nobody waits
            self._loop.call_soon_threadsafe(_settle, ended, failure)

    async def _keep(self) -> None:
        database = Database(
            self._settings.database_url,
            name=NAME,
            pool_size=1,
            idle_limit=idle_limit(self._settings.lease),
            pooler=self._settings.database_pooler,
            limit=quick_limit(self._settings.lease),
            line=self._line,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew(database))
                group.create_task(self._watch())
        finally:
            await database.dispose()

    async def _renew(self, database: Database) -> None:
        """Renew every lease at a third of its length."""
        lease = self._settings.lease
        every = lease.total_seconds() / 3
        while True:
            held = [] if self._given_up else self._held()
            try:
                async with database.write(self._actor) as session:
                    still = await claims.extend_leases(session, held, lease) if held else set()
                    shown = await self._presence.show(session)
                    # Whoever looks for a living worker must not find one whose loop stands still.
                    if heard := self.blocked < SILENT:
                        await self._beat(session, len(held), shown)
            except AWAY as error:
                tell("heartbeat_failed", error)
                await asyncio.sleep(min(every, 0.5))
                continue
            if heard:
                self.beat_at = time.monotonic()
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._renewed, held, still)
            await self._presence.pause(every)

    async def _watch(self) -> None:
        """Say who blocks the loop, at growing intervals, and end the renewal of leases when it is for too long."""
        told = BLOCKED
        while True:
            await asyncio.sleep(TICK)
            seconds = self.blocked
            if seconds < BLOCKED:
                told, self._given_up = BLOCKED, False
            elif seconds >= told:
                told = 2 * seconds
                self._tell("loop_blocked", seconds)
            if seconds >= BLOCKED and not self._given_up and seconds > self._patience():
                self._given_up = True
                self._tell("leases_given_up", seconds)

    def _blocker(self) -> Claimed | None:
        task = asyncio.current_task(self._loop)
        if task is None:
            return None
        if sys.version_info >= (3, 12):
            return task.get_context().get(_TASK)
        return self._works_for(task)

    def _patience(self) -> float:
        """Seconds for which the loop may be blocked before its worker gives up what it has in hand."""
        blocker = self._blocker()
        own = UNKNOWN if blocker is None else find_kind(blocker.kind).timeout
        return (own + self._settings.lease).total_seconds()

    def _tell(self, event: str, seconds: float) -> None:
        blocker = self._blocker()
        logger.warning(
            event,
            kind=blocker.kind if blocker else None,
            task=str(blocker.id) if blocker else None,
            seconds=round(seconds, 1),
            where=self._where(),
        )

    def _where(self) -> str:
        """The line of the handler's own code where the loop is; else the innermost lines, outermost first."""
        frame = sys._current_frames().get(self._main)
        lines = traceback.extract_stack(frame) if frame else []
        if place := own_line(lines):
            return f"{place.file}:{place.line} {place.function}: {place.code}"
        return " > ".join(f"{Path(line.filename).name}:{line.lineno} {line.name}" for line in lines[-3:])


def _settle(ended: asyncio.Future[None], failure: BaseException | None) -> None:
    if ended.done():
        return
    if failure is None:
        ended.set_result(None)
    else:
        ended.set_exception(failure)
