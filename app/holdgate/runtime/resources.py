"""What handlers share as long as their worker lives: clients, pools, models.

Opened before the first task, closed behind the last.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from inspect import isasyncgenfunction
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import Event, Task

T = TypeVar("T")

OPEN_SECONDS = 60.0  # that one may take to open
CLOSE_SECONDS = 5.0  # that all of them may take to close


@dataclass(frozen=True, eq=False)
class Resource(Generic[T]):
    """What `@resource` returns, to be handed to `ctx.resource`."""

    opens: Callable[[], AsyncIterator[T]]

    @property
    def name(self) -> str:
        """Where it is declared."""
        return f"{self.opens.__module__}.{self.opens.__qualname__}"


_DECLARED: list[Resource[Any]] = []


def resource(opens: Callable[[], AsyncIterator[T]]) -> Resource[T]:
    """Declare what handlers share: an `async def` that yields it once. What stands before the `yield` runs when a
    worker starts, what stands behind it when it has stopped. `ctx.resource(…)` is what was yielded.

        @resource
        async def bank() -> AsyncIterator[httpx.AsyncClient]:
            async with httpx.AsyncClient(base_url=BANK) as client:
                yield client

    A worker opens all of them in the order in which they are declared, and closes them the other way round. One that
    cannot be opened ends the worker before it takes a task.

    Raises:
        TypeError: it is no `async def` with a `yield`.
    """
    if not isasyncgenfunction(opens):
        raise TypeError(f"The resource {opens!r} must be an `async def` without arguments that yields once.")
    made = Resource(opens)
    _DECLARED.append(made)
    return made


class Resources:
    """Those of one worker. One task opens and closes all of them, as libraries that have tasks of their own want it."""

    def __init__(self) -> None:
        self._opened: dict[Resource[Any], Any] = {}
        self._keeper: Task[None] | None = None

    async def __aenter__(self) -> "Resources":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get(self, wanted: Resource[T]) -> T:
        """Raises LookupError."""
        if wanted not in self._opened:
            raise LookupError(f"The resource {wanted.name} is not open. Declare it in a module that KINDS names.")
        found: T = self._opened[wanted]
        return found

    async def open(self) -> None:
        """All that are declared. Raises what one of them raises; those before it are closed."""
        import asyncio  # heavy, for a name that products import

        there, self._ended = asyncio.Event(), asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(there), name="resources")
        opening = asyncio.create_task(there.wait())
        await asyncio.wait([self._keeper, opening], return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def close(self) -> None:
        """However they end: nobody needs them any more."""
        if self._keeper is not None and not self._keeper.done():
            import asyncio

            self._ended.set()
            await asyncio.wait([self._keeper], timeout=CLOSE_SECONDS)
            self._keeper.cancel()

    async def _keep(self, there: "Event") -> None:
        from asyncio import timeout

        began: list[AsyncIterator[Any]] = []
        try:
            for each in _DECLARED:
                opening = each.opens()
                async with timeout(OPEN_SECONDS):
                    self._opened[each] = await anext(opening)
                began.append(opening)
            there.set()
            await self._ended.wait()
        finally:
            self._opened.clear()
            for each_began in reversed(began):
                await _end(each_began)


async def _end(began: AsyncIterator[Any]) -> None:
    """Run what stands behind its `yield`, whatever became of the others."""
    try:
        async for _ in began:
            raise RuntimeError(f"{began!r} yields more than once.")
    except Exception as error:
        from holdgate.core.telemetry import log  # heavy, for a name that products import

        log.get(__name__).warning("resource_not_closed", error=repr(error))
