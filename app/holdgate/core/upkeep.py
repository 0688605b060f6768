"""Chores of a feature: what recovers what got stuck, and what forgets what is of no use any more.

A feature lists its own (`upkeep` in its feature.py); every worker's sweeper does those that are due
(runtime/sweeper.py).
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sqlalchemy import TextClause

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession

CHUNK = 1000
SAFETY = 300.0  # seconds after which a chore is done although nothing has been found due
MINUTE = 60.0
RETENTION = 300.0  # between two looks for what is past the time for which it is kept


class Round(NamedTuple):
    """What a chore is told beside its session.

    Args:
        database: for what is done afterwards.
        answered_for: seconds since the database was last away.
        after: what is to be done once its transaction has been committed.
    """

    database: Database
    settings: Settings
    answered_for: float
    after: list[Callable[[], Awaitable[object]]]


class Upkeep(NamedTuple):
    """A chore, done in a transaction of its own.

    Args:
        every: seconds between two times, however it stands.
        work: True: there is more to do, so it is done again at once.
        due: a condition in SQL by which it is done sooner; it reads an index and stops at the first row, since it is
            asked once a second. None: by the clock alone.
        locked: only one worker at a time.
        share: it takes at most one part in so many of the time, where it is long; 0: as much as it needs.
    """

    name: str
    every: float
    work: Callable[[WriteSession, Round], Awaitable[bool]]
    due: TextClause | None = None
    locked: bool = True
    share: float = 0.0
