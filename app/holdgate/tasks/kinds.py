"""The catalogue of task kinds: which names exist, which payload each takes, how each is tried.

`@kind` registers a handler when its module is imported; the entries import the built-in kinds and those named
in `KINDS`. The queue validates payloads against the catalogue; only the runtime calls handlers. No SQLAlchemy here:
programs that only declare and enqueue import it.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from math import inf
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, Unpack, overload
from uuid import UUID

import msgspec

from holdgate.core.text.typed import plain_of, read_as, schema_of
from holdgate.tasks import declaring, places
from holdgate.tasks.declaring import MOST_AT_ONCE as MOST_AT_ONCE
from holdgate.tasks.declaring import RunsIn
from holdgate.tasks.errors import PayloadMismatch, UnknownKind
from holdgate.tasks.places import AsyncPlace, Place
from holdgate.tasks.requests import TaskOptions, TaskRequest, check_request, request_of
from holdgate.tasks.upgrades import read_older

P = TypeVar("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

LONGEST_WAIT = timedelta(days=3650)  # that anything can be put off: what comes after the year 9999 can’t be read


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
class Kind(Generic[P, R]):
    """A handler under its name: what `@kind` returns. Called, it calls the handler. `P` is its payload's type, `R` its
    result's."""

    name: str
    handler: Callable[..., Awaitable[R]] | Callable[..., R]
    payload: type[P]
    result: type[R]
    queue: str
    max_attempts: int
    timeout: timedelta
    backoff: Backoff
    runs_in: RunsIn
    internal: bool
    about: str
    concurrency: int | None
    rate: Rate | None
    approval_ttl: timedelta | Literal["suggested"] | None = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.handler(*args, **options)

    def __reduce__(self) -> tuple[Callable[[str, str], Any], tuple[str, str]]:
        # By where its handler is written, as functions are pickled: its module declares it in the other process, too.
        return _written_at, (self.handler.__module__, self.handler.__qualname__)

    @overload
    def enqueue(self, where: AsyncPlace, payload: P, **options: Unpack[TaskOptions]) -> Coroutine[Any, Any, UUID]: ...
    @overload
    def enqueue(self, where: Place, payload: P, **options: Unpack[TaskOptions]) -> UUID: ...
    def enqueue(self, where: Any, payload: P, **options: Unpack[TaskOptions]) -> Any:
        """Enqueue a task in the caller's transaction: it exists if and only if that commits. To be awaited where
        `where` is asynchronous.

        Args:
            where: a SQLAlchemy session or connection, an asyncpg or psycopg connection, or a `Client`.
            payload: checked at once, by its type.
            options: as `TaskOptions` lists them: title, queue, priority, max_attempts, run, owner, subject, run_at,
                deadline, unique, unique_for.

        Returns:
            the task's id; with `unique` that of the task that is there.

        Raises:
            PayloadMismatch, Invalid: before anything is written.
        """
        return places.enqueue_one(where, check_request(self, self.request(payload, **options)))

    @overload
    def enqueue_many(
        self, where: AsyncPlace, payloads: Iterable[P], **options: Unpack[TaskOptions]
    ) -> Coroutine[Any, Any, list[UUID]]: ...
    @overload
    def enqueue_many(self, where: Place, payloads: Iterable[P], **options: Unpack[TaskOptions]) -> list[UUID]: ...
    def enqueue_many(self, where: Any, payloads: Iterable[P], **options: Unpack[TaskOptions]) -> Any:
        """As `enqueue`, all of them or none, each with the same options. For options of their own, or several kinds:
        `holdgate.enqueue_many(where, [kind.request(payload, …), …])`. Returns their ids in the same order."""
        requests = [check_request(self, self.request(payload, **options)) for payload in payloads]
        return places.enqueue_rows(where, requests)

    def request(self, payload: P, **options: Unpack[TaskOptions]) -> TaskRequest:
        """A task to be enqueued together with others."""
        return request_of(self.name, payload, options)

    def schema(self) -> dict[str, Any]:
        """The payload's JSON schema."""
        return schema_of(self.payload)

    def parse(self, payload: Any) -> P:
        """Plain JSON data (dicts, lists, strings), of an older form, too → the payload type; raises PayloadMismatch."""
        try:
            return self._read(payload)
        except msgspec.ValidationError as error:
            if (upgraded := read_older(self.name, payload, self._read)) is not None:
                return upgraded
            raise PayloadMismatch(self.name, str(error)) from error

    def _read(self, payload: Any) -> P:
        read: P = read_as(self.payload, payload)
        return read

    def plain(self, payload: Any) -> Any:
        """The payload, given as plain data or as the payload type → plain data for the table, checked, as it was given.

        Raises:
            PayloadMismatch
        """
        if isinstance(payload, dict):
            given = payload
        else:
            wanted = self.payload
            typed_dict = hasattr(wanted, "__total__")  # it knows no instances
            if isinstance(wanted, type) and not typed_dict and not isinstance(payload, wanted):
                raise PayloadMismatch(self.name, f"it is of type {type(payload).__name__}, not {wanted.__name__}")
            given = plain_of(payload)
        self.parse(given)
        return given

    def read_result(self, plain: Any) -> R:
        """The result of one of its tasks, from the plain data that pages and the API give. Raises ValueError."""
        try:
            read: R = read_as(self.result, plain)
        except msgspec.ValidationError as error:
            raise ValueError(f"The result of {self.name} doesn’t match its return annotation: {error}.") from error
        return read


AnyKind: TypeAlias = Kind[Any, Any]


def _written_at(module: str, name: str) -> Any:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


_CATALOGUE: dict[str, AnyKind] = {}


class _Declares(Protocol):
    def __call__(self, handler: Callable[[Any, P], Coroutine[Any, Any, R]], /) -> Kind[P, R]: ...


class _DeclaresPlain(Protocol):
    def __call__(self, handler: Callable[[P], R], /) -> Kind[P, R]: ...


@overload
def kind(
    name: str,
    *,
    queue: str = ...,
    max_attempts: int = ...,
    timeout: timedelta = ...,
    backoff: Backoff | None = ...,
    runs_in: Literal["loop"] = ...,
    internal: bool = ...,
    concurrency: int | None = ...,
    rate: Rate | None = ...,
    approval_ttl: timedelta | Literal["suggested"] | None = ...,
) -> _Declares: ...
@overload
def kind(
    name: str,
    *,
    queue: str = ...,
    max_attempts: int = ...,
    timeout: timedelta = ...,
    backoff: Backoff | None = ...,
    runs_in: Literal["thread", "process"],
    internal: bool = ...,
    concurrency: int | None = ...,
    rate: Rate | None = ...,
    approval_ttl: timedelta | Literal["suggested"] | None = ...,
) -> _DeclaresPlain: ...
def kind(
    name: str,
    *,
    queue: str = "default",
    max_attempts: int = 3,
    timeout: timedelta = timedelta(minutes=5),
    backoff: Backoff | None = None,
    runs_in: RunsIn = "loop",
    internal: bool = False,
    concurrency: int | None = None,
    rate: Rate | None = None,
    approval_ttl: timedelta | Literal["suggested"] | None = None,
) -> Any:
    """Declare a kind: the function below becomes the handler of tasks under this name, and a `Kind` to enqueue by.

    A handler for the event loop is `async def handler(ctx: Context, payload: P) -> R`. With `runs_in="thread"` or
    `"process"` it is a plain `def handler(payload: P) -> R`. `P` is a dataclass, a msgspec struct or a pydantic model.

    Args:
        queue: where its tasks wait unless the caller says otherwise.
        max_attempts: failed attempts after which a task goes to the dead letters.
        timeout: how long one attempt may take; one that takes longer has failed.
        backoff: how long a failed task waits for its next attempt.
        internal: enqueued by other code only, never as somebody asks for it by name (mail, say).
        concurrency: how many of its tasks run at once, over all workers together.
        rate: how many start within a time, over all workers together. Administrators can set both otherwise.
        approval_ttl: time to decide what its tasks ask; `suggested`: by what people needed so far. Else `APPROVAL_TTL`.

    Raises:
        ValueError: a name, a number, a time or a queue that cannot be worked by.
        TypeError: a handler that cannot be called so, or a payload that can’t be read from JSON.
    """
    declaring.check_name(name)
    limit = None if rate is None else (rate.count, rate.per)
    declaring.check_bounds(name, queue, max_attempts, timeout, concurrency, limit, approval_ttl)

    def register(handler: Callable[..., Any]) -> AnyKind:
        payload, result = declaring.types_of(name, handler, runs_in)
        if name in _CATALOGUE and _CATALOGUE[name].handler is not handler:
            raise ValueError(f"The kind {name!r} is registered twice.")
        _CATALOGUE[name] = Kind(
            name=name,
            handler=handler,
            payload=payload,
            result=result,
            queue=queue,
            max_attempts=max_attempts,
            timeout=timeout,
            backoff=backoff or Backoff(),
            runs_in=runs_in,
            internal=internal,
            about=(handler.__doc__ or "").strip().split("\n")[0],
            concurrency=concurrency,
            rate=rate,
            approval_ttl=approval_ttl,
        )
        return _CATALOGUE[name]

    return register


def find_kind(name: str) -> AnyKind:
    """Raises UnknownKind."""
    if name not in _CATALOGUE:
        raise UnknownKind(name, sorted(_CATALOGUE))
    return _CATALOGUE[name]


def all_kinds() -> list[AnyKind]:
    return [_CATALOGUE[name] for name in sorted(_CATALOGUE)]
