"""How many open streams one person may have in this process: each holds a connection, and is told of every change."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from holdgate.core.errors import TooMany


class Streams:
    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[UUID] = Counter()

    def admit(self, person: UUID) -> None:
        """Raises TooMany for somebody who has as many as one may."""
        if self._open[person] >= self._most:
            raise TooMany(f"At most {self._most} streams at once. Close one.", retry_after=5)

    @contextmanager
    def one_more(self, person: UUID) -> Iterator[None]:
        """While it lasts."""
        self._open[person] += 1
        try:
            yield
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]
