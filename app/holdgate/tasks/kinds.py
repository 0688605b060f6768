"""The catalogue of task kinds: which names exist, which payload each takes, how each is tried.

`@kind` registers a handler when its module is imported; the entries import the built-in kinds and those named
in `KINDS`. The queue validates payloads against the catalogue; only the runtime calls handlers.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec

from holdgate.core.settings.types import QUEUE_NAME
from holdgate.tasks.errors import PayloadMismatch, UnknownKind

MOST_ATTEMPTS = 1000
MOST_AT_ONCE = 1_000_000
LONGEST = timedelta(days=365)

Handler = TypeVar("Handler", bound=Callable[..., Any])

LONGEST_WAIT = timedelta(days=3650)  # that anything can be put off: what comes after the year 9999 cannot be read


@dataclass(frozen=True)
class Backoff:
    """Exponential with full jitter: a random time up to `base * factor ** failures`, at most `cap`.

    Raises:
        ValueError: a time or a factor with which no next attempt can be planned; `cap` is at most ten years.
    """

    base: timedelta = timedelta(seconds=2)
    factor: float = 2.0
    cap: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.base < timedelta(0) or not timedelta(0) <= self.cap <= LONGEST_WAIT:
            raise ValueError("A backoff's base is no negative time, and its cap is from nothing to ten years.")
        if not 0 < self.factor < inf:
            raise ValueError("A backoff's factor is a number greater than 0.")

    def ceiling(self, failures: int) -> timedelta:
        """The longest wait after the `failures`-th failed attempt (1 is the first)."""
        base, cap = self.base.total_seconds(), self.cap.total_seconds()
        try:
            seconds = base * self.factor ** (failures - 1)
        except OverflowError:  # of the power, which is more than any cap
            seconds = cap if base else 0.0
        return timedelta(seconds=min(seconds, cap))


@dataclass(frozen=True)
class Rate:
    """At most `count` starts at once after a rest, and on average `count` within `per`."""

    count: int
    per: timedelta

    def __post_init__(self) -> None:
        if self.count < 1 or self.per <= timedelta(0):
            raise ValueError("A rate needs a count of 1 or more and a time longer than nothing.")


@dataclass(frozen=True)
class Kind:
    """A registered handler and how its tasks are tried."""

    name: str
    handler: Callable[..., Awaitable[Any]] | Callable[..., Any]
    payload: type[Any]
    queue: str
    max_attempts: int
    timeout: timedelta
    backoff: Backoff
    runs_in: Literal["loop", "thread", "process"]
    internal: bool
    about: str
    concurrency: int | None
    rate: Rate | None

    def schema(self) -> dict[str, Any]:
        """The payload's JSON schema."""
        return msgspec.json.schema(self.payload)

    def parse(self, payload: Any) -> Any:
        """Plain JSON data (dicts, lists, strings) → the payload type; raises PayloadMismatch."""
        try:
            return msgspec.convert(payload, self.payload, strict=True)
        except msgspec.ValidationError as error:
            raise PayloadMismatch(self.name, str(error)) from error

    def plain(self, payload: Any) -> Any:
        """The payload, given as plain data or as the payload type → plain data for the table, checked, as it was given.

        Raises:
            PayloadMismatch
        """
        given = payload if isinstance(payload, dict) else msgspec.to_builtins(payload)
        self.parse(given)
        return given


_CATALOGUE: dict[str, Kind] = {}


def kind(
    name: str,
    *,
    queue: str = "default",
    max_attempts: int = 3,
    timeout: timedelta = timedelta(minutes=5),
    backoff: Backoff | None = None,
    runs_in: Literal["loop", "thread", "process"] = "loop",
    internal: bool = False,
    concurrency: int | None = None,
    rate: Rate | None = None,
) -> Callable[[Handler], Handler]:
    """Register a handler under `name`.

    A handler for the event loop is `async def handler(ctx: Context, payload: P) -> R`. With `runs_in="thread"` or
    `"process"` it is a plain `def handler(payload: P) -> R`, for work that would block the loop.

    Args:
        queue: where its tasks wait unless the caller says otherwise.
        max_attempts: failed tries after which a task goes to the dead letters.
        timeout: how long one try may take; a try that takes longer has failed.
        internal: enqueued by other code only, never as somebody asks for it by name (mail, say).
        concurrency: how many of its tasks run at once, over all workers together.
        rate: how many start within a time, over all workers together. Administrators can set both otherwise.

    Raises:
        ValueError: a number, a time or a queue that cannot be worked by.
    """
    _check_bounds(name, queue, max_attempts, timeout, concurrency, rate)

    def register(handler: Handler) -> Handler:
        hints = {n: t for n, t in get_type_hints(handler).items() if n not in ("ctx", "return")}
        if len(hints) != 1:
            raise TypeError(f"The handler of {name!r} must annotate exactly one payload parameter beside ctx.")
        if name in _CATALOGUE and _CATALOGUE[name].handler is not handler:
            raise ValueError(f"The kind {name!r} is registered twice.")
        _CATALOGUE[name] = Kind(
            name=name,
            handler=handler,
            payload=next(iter(hints.values())),
            queue=queue,
            max_attempts=max_attempts,
            timeout=timeout,
            backoff=backoff or Backoff(),
            runs_in=runs_in,
            internal=internal,
            about=(handler.__doc__ or "").strip().split("\n")[0],
            concurrency=concurrency,
            rate=rate,
        )
        return handler

    return register


def _check_bounds(
    name: str, queue: str, max_attempts: int, timeout: timedelta, concurrency: int | None, rate: Rate | None
) -> None:
    """What no worker could work by, or the database not store, is refused where it is written."""
    numbers = {"max_attempts": (max_attempts, MOST_ATTEMPTS)}
    if concurrency is not None:
        numbers["concurrency"] = concurrency, MOST_AT_ONCE
    if rate is not None:
        numbers["rate.count"] = rate.count, MOST_AT_ONCE
    for what, (number, most) in numbers.items():
        if type(number) is not int or not 1 <= number <= most:
            raise ValueError(f"The kind {name!r} has {what}={number!r}. Use a whole number from 1 to {most:,}.")
    times = {"timeout": timeout, **({"rate.per": rate.per} if rate else {})}
    for what, time in times.items():
        if not timedelta(milliseconds=1) <= time <= LONGEST:
            raise ValueError(f"The kind {name!r} has {what}={time!r}. Use a time from a millisecond to a year.")
    if not QUEUE_NAME.fullmatch(queue):
        raise ValueError(f"The kind {name!r} has queue={queue!r}. Use small letters, digits, - and _, at most 40.")


def find_kind(name: str) -> Kind:
    """Raises UnknownKind."""
    if name not in _CATALOGUE:
        raise UnknownKind(name, sorted(_CATALOGUE))
    return _CATALOGUE[name]


def all_kinds() -> list[Kind]:
    return [_CATALOGUE[name] for name in sorted(_CATALOGUE)]
