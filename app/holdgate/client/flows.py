"""Requests, retries and answers, said once for both clients.

What a client does is a flow: a generator that yields what it wants done (`Request`, `Pause`) and returns its result.
`Client` and `AsyncClient` only do what is yielded, each in its way.
"""

import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from holdgate.client.problems import Problem, problem_of

if TYPE_CHECKING:
    import httpx

PREFIX = "/api/v1"
TRIES = 5
LONGEST_PAUSE = 60.0  # seconds; a server that wants more is told to the caller
PATIENCE = 600.0  # seconds for which a server may be away, while something is waited for: also a deployment takes time
AGAIN = 2.0
LONG_POLL = 30  # seconds for which the server is asked to wait, each time
AWAY = (502, 503, 504)

Id = UUID | str
T = TypeVar("T")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """To be sent until it is answered.

    Args:
        once: an Idempotency-Key.
        again: it may be sent again though it may have had an effect.
        extra: seconds it may take beyond the client's timeout.
    """

    method: str
    path: str
    query: dict[str, Any] = {}
    body: Any = msgspec.UNSET
    once: str = ""
    again: bool = True
    extra: float = 0.0


class Transmission(msgspec.Struct, frozen=True):
    """One sending of a request."""

    request: Request


class Pause(msgspec.Struct, frozen=True):
    """Nothing is done for so long."""

    seconds: float


Wish: TypeAlias = Request | Transmission | Pause
Flow: TypeAlias = Generator[Wish, Any, T]


def sent(request: Request, tries: int) -> "Flow[httpx.Response]":
    """Send it until it is answered, `tries` times at most.

    Raises:
        Problem: a refusal, or one that stays. httpx.TransportError: no answer.
    """
    import httpx

    for left in reversed(range(tries)):
        pause = 2.0 ** (tries - 1 - left) / 4
        try:
            answer: httpx.Response = yield Transmission(request)
        except httpx.TransportError:
            if not left or not request.again:
                raise
            yield Pause(pause)
            continue
        if answer.status_code < 400:
            return answer
        problem = problem_of(answer)
        # 429 and 409 with Retry-After have had no effect; nor has 503, but who knows for sure sends a key.
        passing = problem.status in (409, 429) or (problem.status == 503 and request.again)
        wait = problem.retry_after
        if not left or not passing or wait is None or wait > LONGEST_PAUSE:
            raise problem
        yield Pause(max(wait, pause))
    raise AssertionError("unreachable")


def poll(look: Callable[[int], Flow[T]], over: Callable[[T], bool], seconds: float | None) -> Flow[T]:
    """What `look` finds, when that is `over` or `seconds` have passed; None: however long it takes. `look` is told for
    how many seconds the server may wait. Goes on while the server is away for some minutes."""
    ends = None if seconds is None else time.monotonic() + seconds
    while True:
        left = LONG_POLL if ends is None else ends - time.monotonic()
        found = yield from outlast(partial(look, max(0, min(LONG_POLL, int(left)))), ends)
        if over(found) or left <= 0:
            return found
        if left < 1:
            yield Pause(left)


def outlast(ask: Callable[[], Flow[T]], ends: float | None = None) -> Flow[T]:
    """What `ask` finds, asked again while the server is away, for PATIENCE or until `ends` (of `time.monotonic`).

    Raises:
        Problem, httpx.TransportError: it stays away, or it refuses.
    """
    import httpx

    last = time.monotonic() + PATIENCE
    last = last if ends is None else min(last, ends)
    while True:
        try:
            return (yield from ask())
        except (httpx.TransportError, Problem) as error:
            away = not isinstance(error, Problem) or error.status in AWAY
            if not away or time.monotonic() + AGAIN > last:
                raise
        yield Pause(AGAIN)


def fetch(kind: type[T], path: str, query: Mapping[str, Any] | None = None, *, extra: float = 0.0) -> Flow[T]:
    return (yield from _answered(kind, Request(method="GET", path=path, query=dict(query or {}), extra=extra)))


def post(kind: type[T], path: str, body: Any = None, *, once: str = "") -> Flow[T]:
    return (yield from _answered(kind, Request(method="POST", path=path, body=body, once=once, again=bool(once))))


def download(path: str, query: Mapping[str, Any] | None = None) -> Flow[bytes]:
    answer: httpx.Response = yield Request(method="GET", path=path, query=dict(query or {}))
    return answer.content


def _answered(kind: type[T], request: Request) -> Flow[T]:
    answer: httpx.Response = yield request
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:  # a proxy's page, or a server that is older than this client
        told = {
            "title": "Unexpected answer",
            "detail": f"{request.method} {request.path} answered what was not "
            f"expected: {error}. Does BASE_URL lead to Holdgate, and is it as new as this client?",
        }
        raise Problem(answer.status_code, told) from error


def as_httpx(request: Request, timeout: float) -> dict[str, Any]:
    """What httpx is told. `path` may be a `url` that an answer names."""
    content = {} if request.body is msgspec.UNSET else {"content": msgspec.json.encode(request.body)}
    headers = {"Content-Type": "application/json"} if content else {}
    return {
        "method": request.method,
        "url": request.path.removeprefix(PREFIX),
        "params": request.query,
        "headers": headers | ({"Idempotency-Key": request.once} if request.once else {}),
        "timeout": timeout + request.extra,
        **content,
    }
