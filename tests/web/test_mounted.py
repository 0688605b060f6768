"""The application as a guest: it starts with the first request, once, and before any of them is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdgate.web.mounted import MountedApp


class Guest:
    """Counts how often it was started; refuses whoever comes before that has ended."""

    def __init__(self, *, fails: int = 0) -> None:
        self.started, self.ready, self.fails = 0, False, fails

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.started += 1
        await asyncio.sleep(0)
        if self.started <= self.fails:
            raise ConnectionError("The database is away.")
        self.ready = True
        yield

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.ready


def mounted(guest: Guest) -> MountedApp:
    made: Any = guest
    return MountedApp(lambda: (made, made))


async def ask(app: MountedApp) -> None:
    await app({"type": "http"}, None, None)


async def test_of_several_first_requests_one_starts_it_and_the_others_wait() -> None:
    guest = Guest()
    app = mounted(guest)
    await asyncio.gather(*(ask(app) for _ in range(5)))
    assert guest.started == 1


async def test_when_it_could_not_start_the_next_request_tries_again() -> None:
    guest = Guest(fails=1)
    app = mounted(guest)
    with pytest.raises(ConnectionError):
        await ask(app)
    await ask(app)
    assert guest.started == 2
