"""The client for programs without an event loop."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload
from uuid import UUID

from holdgate.client import asking, calls
from holdgate.client.answers import TaskDetail
from holdgate.client.asking import CreatedApproval, Decision
from holdgate.client.calls import Listing
from holdgate.client.events import PATH, EventStream, StreamedEvent
from holdgate.client.flows import PREFIX, TRIES, Flow, Request, Transmission, Wish, as_httpx, sent
from holdgate.core.extras import missing_extra

if TYPE_CHECKING:
    from typing import Unpack

    import httpx

    from holdgate.client.typed import TypedKind
    from holdgate.tasks.requests import TaskOptions

P = ParamSpec("P")
T = TypeVar("T")
G = TypeVar("G")


def _does(call: Callable[P, Flow[T]]) -> Callable[Concatenate["Client", P], T]:
    @wraps(call)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._perform(call(*args, **kwargs))

    return method


def _lists(call: Callable[P, Listing[T]]) -> Callable[Concatenate["Client", P], Iterator[T]]:
    @wraps(call)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        listing, cursor = call(*args, **kwargs), None
        while True:
            page = self._perform(listing.page(cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    return method


class Client:
    """One installation, in the name of one token. `tries`: how often a request is sent at most; `sleep` waits between;
    `transport` is httpx's, for tests. `with` closes its connections."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        try:
            import httpx
        except ModuleNotFoundError as missing:
            raise missing_extra(missing, "client") from missing
        base, headers = f"{base_url.rstrip('/')}{PREFIX}", {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=base, headers=headers, timeout=timeout, transport=transport)
        self._timeout, self._tries, self._sleep = timeout, tries, sleep

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; `with` does so, too."""
        self._http.close()

    @overload
    def enqueue(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> UUID: ...
    @overload
    def enqueue(self, kind: "TypedKind[G]", payload: G, **options: "Unpack[TaskOptions]") -> UUID: ...
    def enqueue(self, kind: Any, payload: Any = None, *, once: str = "", **options: "Unpack[TaskOptions]") -> UUID:
        """Enqueue a task of a kind, told by what `@kind` returned or by its name; returns its id.

        By the kind itself the payload's type is checked, by the type checker and before it is sent; by a name it is
        plain data, which the server checks. `once`: an Idempotency-Key: called again with it, no second task is made.
        `options`: title, queue, priority, max_attempts, run, subject, run_at, deadline, unique, unique_for.
        """
        if isinstance(kind, str):
            return self._perform(calls.enqueue_named(kind, payload, options, once))
        found: UUID = kind.enqueue(self, payload, **options)
        return found

    @overload
    def enqueue_many(
        self, kind: str, payloads: Iterable[Mapping[str, Any]], *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> list[UUID]: ...
    @overload
    def enqueue_many(
        self, kind: "TypedKind[G]", payloads: Iterable[G], **options: "Unpack[TaskOptions]"
    ) -> list[UUID]: ...
    def enqueue_many(
        self, kind: Any, payloads: Iterable[Any], *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> list[UUID]:
        """As `enqueue`, up to 10,000 tasks, all of them or none. Returns their ids in the same order."""
        if isinstance(kind, str):
            return self._perform(calls.enqueue_many_named(kind, payloads, options, once))
        found: list[UUID] = kind.enqueue_many(self, payloads, **options)
        return found

    task = _does(calls.task)

    @overload
    def wait(self, what: CreatedApproval, seconds: float | None = None) -> Decision: ...
    @overload
    def wait(self, what: UUID | str, seconds: float | None = None) -> TaskDetail: ...
    def wait(self, what: Any, seconds: float | None = None) -> Any:
        """The task once it has ended, or the decision of an approval request that `create_approval` returned.

        Raises TimeoutError after `seconds`, 600 by default for a task; a request ends when its own time is over.
        """
        if isinstance(what, CreatedApproval):
            return self._perform(asking.wait_decision(what.id, seconds))
        return self._perform(calls.wait(what, 600.0 if seconds is None else seconds))

    iter_tasks = _lists(calls.iter_tasks)
    act = _does(calls.act)
    answer = _does(calls.answer)
    create_run = _does(calls.create_run)
    run = _does(calls.run)
    iter_runs = _lists(calls.iter_runs)
    iter_approvals = _lists(calls.iter_approvals)
    approval = _does(calls.approval)
    decide = _does(calls.decide)
    ask = _does(asking.ask)
    create_approval = _does(asking.create_approval)
    decision = _does(asking.decision)
    cancel_approval = _does(asking.cancel_approval)
    use = _does(asking.use)
    receipt = _does(asking.receipt)
    stats = _does(calls.stats)
    overview = _does(calls.overview)
    get = _does(calls.get)
    post = _does(calls.post)
    each = _lists(calls.each)
    download = _does(calls.download)

    def iter_events(self, after: str = "") -> Iterator[StreamedEvent]:
        """Changes of tasks as they happen, each with its place; `after` a place, none since then is missed.

        Connects again by itself when the stream breaks off. Ends with Problem, or with httpx.TransportError when no
        connection can be made any more.
        """
        import httpx

        stream = EventStream(after, self._tries)
        while True:
            try:
                with self._http.stream("GET", PATH, **stream.request(self._timeout)) as answer:
                    if answer.status_code >= 400:
                        answer.read()
                        stream.refused(answer)
                    else:
                        for line in answer.iter_lines():
                            if (event := stream.read(line)) is not None:
                                yield event
            except httpx.TransportError as error:
                stream.broken(error)
            self._sleep(stream.pause)

    def _perform(self, flow: Flow[T]) -> T:
        """Do what a flow (client/flows.py) wants; its result."""
        given: Any = None
        failure: Exception | None = None
        while True:
            try:
                wish = flow.send(given) if failure is None else flow.throw(failure)
            except StopIteration as end:
                result: T = end.value
                return result
            given = failure = None
            try:
                given = self._grant(wish)
            except Exception as error:  # the flow decides what becomes of it
                failure = error

    def _grant(self, wish: Wish) -> Any:
        if isinstance(wish, Request):
            return self._perform(sent(wish, self._tries))
        if isinstance(wish, Transmission):
            return self._http.request(**as_httpx(wish.request, self._timeout))
        return self._sleep(wish.seconds)
