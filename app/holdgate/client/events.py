"""The stream of events (server-sent events): what is read, and when and from where it is asked for again."""

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from holdgate.client.answers import EventItem
from holdgate.client.flows import AWAY, LONGEST_PAUSE
from holdgate.client.problems import Problem, problem_of

if TYPE_CHECKING:
    import httpx

PASSING = (429, *AWAY)  # of a server that is busy, starts, ends, or stands behind a proxy
PATH = "/events"


class StreamedEvent(NamedTuple):
    """A change of a task, and its place in the stream: `iter_events(after=place)` goes on behind it."""

    place: str
    event: EventItem


class EventStream:
    """What is known of a stream between its connections. `after`: the place of the last event."""

    def __init__(self, after: str, tries: int) -> None:
        self.after, self._tries = after, tries
        self._failed = 0
        self._asked = 0.0  # seconds that the server wants to be left alone
        self._place, self._data = "", ""

    def request(self, timeout: float) -> dict[str, Any]:
        """For httpx."""
        self._place, self._data = self.after, ""
        headers = {"Last-Event-ID": self.after} if self.after else {}
        return {"headers": headers, "timeout": timeout}

    def read(self, line: str) -> StreamedEvent | None:
        """The event that this line ends."""
        name, _, value = line.partition(":")
        if not line and self._data:
            self.after, data, self._data = self._place, self._data, ""
            self._failed, self._asked = 0, 0.0
            return StreamedEvent(self.after, msgspec.json.decode(data, type=EventItem))
        if name == "id":
            self._place = value.strip()
        elif name == "data":
            self._data += value.strip()
        return None

    def refused(self, answer: "httpx.Response") -> None:
        """An answer that is no stream, and has been read. Raises Problem unless it will pass."""
        problem = problem_of(answer)
        self._asked = problem.retry_after or 0.0
        if problem.status not in PASSING or self._asked > LONGEST_PAUSE:
            raise problem
        self.broken(problem)

    def broken(self, error: "Problem | httpx.TransportError") -> None:
        """Raises it when it is one too many."""
        self._failed += 1
        if self._failed >= self._tries:
            raise error

    @property
    def pause(self) -> float:
        """Seconds until it is asked for again."""
        return max(self._asked, min(2.0**self._failed, LONGEST_PAUSE))
