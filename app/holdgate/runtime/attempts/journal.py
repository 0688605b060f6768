"""Keeps what handlers log (`ctx.log`) for the pages of their tasks: the last lines of each attempt, a second late.

Lines are gathered in memory, by threads as well, and written for all attempts of a worker at once: a worker whose
handlers log nothing asks nothing of the database, and one line more of a handler costs it no statement.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING
from uuid import UUID

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, is_away, tell
from holdgate.core.text.storable import storable_text
from holdgate.tasks.queue.attempt_lines import LoggedLines, write_lines

if TYPE_CHECKING:
    from holdgate.tasks.queue.claims import Claimed

MOST_LINES = 200  # of an attempt
EVERY = 1.0  # seconds between two writes
TOGETHER = 50  # attempts in one statement

Line = tuple[str, str, str]


class KeptLines:
    """The last lines of one attempt; called with each, in whichever thread."""

    def __init__(self, task_id: UUID, attempt: int, changed: "dict[KeptLines, None]") -> None:
        self._task_id, self._attempt = task_id, attempt
        self._changed = changed
        self._last: deque[Line] = deque(maxlen=MOST_LINES)
        self._total = 0

    def __call__(self, line: Line) -> None:
        at, level, said = line
        self._last.append((at, level, storable_text(said)))
        self._total += 1
        self._changed[self] = None

    def so_far(self) -> LoggedLines:
        lines = list(self._last)
        return LoggedLines(self._task_id, self._attempt, max(self._total, len(lines)), lines)


class Journal:
    """One worker's."""

    def __init__(self, database: Database, actor: str) -> None:
        self._database, self._actor = database, actor
        self._changed: dict[KeptLines, None] = {}

    def of(self, task: "Claimed") -> KeptLines:
        return KeptLines(task.id, task.attempt, self._changed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write what is new. While the database is away it stays; what it refuses is let go: no task depends on it."""
        while changed := list(self._changed)[:TOGETHER]:
            # Before it is read: a line that comes meanwhile is written the next time.
            for each in changed:
                self._changed.pop(each, None)
            try:
                async with self._database.write(self._actor) as session:
                    await write_lines(session, [each.so_far() for each in changed])
            except AWAY as error:
                tell("lines_not_written", error)
                if is_away(error):
                    self._changed |= dict.fromkeys(changed)
                    return
