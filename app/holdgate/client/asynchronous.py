"""The client for programs with an event loop. What it can be asked is the same (calls.py)."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
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


def _does(call: Callable[P, Flow[T]]) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    @wraps(call)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._perform(call(*args, **kwargs))

    return method


def _lists(call: Callable[P, Listing[T]]) -> Callable[Concatenate["AsyncClient", P], AsyncGenerator[T, None]]:
    @wraps(call)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        listing, cursor = call(*args, **kwargs), None
        while True:
            page = await self._perform(listing.page(cursor))
            for item in page.items:
                yield item
            if (cursor := page.next_cursor) is None:
                return

    return method


async def _sleep(seconds: float) -> None:
    import asyncio  # a fifth of what a program takes to start that only wants `Client`

    await asyncio.sleep(seconds)


class AsyncClient:
    """`Client` for programs with an event loop: the same methods, awaited, and its lists by `async for`.

    async with AsyncClient("https://hold.example.org", "hg_…") as hold:
        task = await hold.wait(await hold.enqueue("sample.task", {"steps": 2}))
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        tries: int = TRIES,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        try:
            import httpx
        except ModuleNotFoundError as missing:
            raise missing_extra(missing, "client") from missing
        base, headers = f"{base_url.rstrip('/')}{PREFIX}", {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=base, headers=headers, timeout=timeout, transport=transport)
        self._timeout, self._tries, self._sleep = timeout, tries, sleep

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections; `async with` does so, too."""
        await self._http.aclose()

    @overload
    async def enqueue(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> UUID: ...
    @overload
    async def enqueue(self, kind: "TypedKind[G]", payload: G, **options: "Unpack[TaskOptions]") -> UUID: ...
    async def enqueue(
        self, kind: Any, payload: Any = None, *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> UUID:
        """As `Client.enqueue`."""
        if isinstance(kind, str):
            return await self._perform(calls.enqueue_named(kind, payload, options, once))
        found: UUID = await kind.enqueue(self, payload, **options)
        return found

    @overload
    async def enqueue_many(
        self, kind: str, payloads: Iterable[Mapping[str, Any]], *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> list[UUID]: ...
    @overload
    async def enqueue_many(
        self, kind: "TypedKind[G]", payloads: Iterable[G], **options: "Unpack[TaskOptions]"
    ) -> list[UUID]: ...
    async def enqueue_many(
        self, kind: Any, payloads: Iterable[Any], *, once: str = "", **options: "Unpack[TaskOptions]"
    ) -> list[UUID]:
        """As `Client.enqueue_many`."""
        if isinstance(kind, str):
            return await self._perform(calls.enqueue_many_named(kind, payloads, options, once))
        found: list[UUID] = await kind.enqueue_many(self, payloads, **options)
        return found

    task = _does(calls.task)

    @overload
    async def wait(self, what: CreatedApproval, seconds: float | None = None) -> Decision: ...
    @overload
    async def wait(self, what: UUID | str, seconds: float | None = None) -> TaskDetail: ...
    async def wait(self, what: Any, seconds: float | None = None) -> Any:
        """As `Client.wait`."""
        if isinstance(what, CreatedApproval):
            return await self._perform(asking.wait_decision(what.id, seconds))
        return await self._perform(calls.wait(what, 600.0 if seconds is None else seconds))

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

    async def iter_events(self, after: str = "") -> AsyncGenerator[StreamedEvent, None]:
        """As `Client.iter_events`."""
        import httpx

        stream = EventStream(after, self._tries)
        while True:
            try:
                async with self._http.stream("GET", PATH, **stream.request(self._timeout)) as answer:
                    if answer.status_code >= 400:
                        await answer.aread()
                        stream.refused(answer)
                    else:
                        async for line in answer.aiter_lines():
                            if (event := stream.read(line)) is not None:
                                yield event
            except httpx.TransportError as error:
                stream.broken(error)
            await self._sleep(stream.pause)

    async def _perform(self, flow: Flow[T]) -> T:
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
                given = await self._grant(wish)
            except Exception as error:  # the flow decides what becomes of it
                failure = error

    async def _grant(self, wish: Wish) -> Any:
        if isinstance(wish, Request):
            return await self._perform(sent(wish, self._tries))
        if isinstance(wish, Transmission):
            return await self._http.request(**as_httpx(wish.request, self._timeout))
        return await self._sleep(wish.seconds)
