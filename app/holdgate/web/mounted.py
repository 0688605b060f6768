"""The application as a guest of another one: `Mount("/holdgate", holdgate.asgi.app)`, with that path in BASE_URL."""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import FrameType
from typing import Any

from litestar import Litestar
from litestar.types import ASGIApp


class MountedApp:
    """Made when it is first asked, since its host imports it before anything is set up.

    Hosts start only themselves, so it starts with its first request.

    Args:
        make: the application, wrapped and bare.
    """

    def __init__(self, make: Callable[[], tuple[ASGIApp, Litestar]]) -> None:
        self._make = make
        self._made: tuple[ASGIApp, Litestar] | None = None
        self._life: AsyncExitStack | None = None
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._made is None:
            self._made = self._make()
        app, bare = self._made
        if scope["type"] == "lifespan":  # it is the server's application itself
            self._life = AsyncExitStack()
        elif self._life is None:
            await self._start(bare)
        await app(scope, receive, send)

    async def _start(self, bare: Litestar) -> None:
        """Those who come while the first one starts it wait; when it cannot start, the next one tries again."""
        async with self._starting:
            if self._life is None:
                life = AsyncExitStack()
                await life.enter_async_context(bare.lifespan())
                self._life = life


def end_streams_too(app: Litestar) -> None:
    """When its host is told to end: as asgi.py does it, but how the process ends is its host's affair."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def before(hosts: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
        def hear(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(end_streams, app)
            hosts(number, frame)

        return hear

    for number in (signal.SIGTERM, signal.SIGINT):
        if callable(hosts := signal.getsignal(number)):
            signal.signal(number, before(hosts))


def end_streams(app: Litestar) -> None:
    for name in ("changes", "feed", "waiting_tasks", "waiting_approvals"):
        if name in app.state:
            app.state[name].end()
