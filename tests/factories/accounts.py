"""A small site of accounts pages only, browsers that use it, and the mails it would send."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import msgspec
from litestar import Response, get
from sqlalchemy import select, text

import holdgate.kinds.email_send  # noqa: F401  (registers the kind that carries mails)
from holdgate.accounts import service
from holdgate.accounts.mails import SignInData, SignInLetter
from holdgate.accounts.models import User, UserSession
from holdgate.accounts.pages import absences as absence_pages
from holdgate.accounts.pages import people, working_time
from holdgate.accounts.pages import settings as settings_views
from holdgate.accounts.pages import sign_in as sign_in_pages
from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.tokens import digest
from holdgate.mail.message import render
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.security import Shield
from tests.factories.applications import site_with

TOKEN = re.compile(r"/login/([A-Za-z0-9_-]{43})")
FIELD = re.compile(r'name="_csrf_token" value="([^"]+)"')
CODE = re.compile(r">([A-Z0-9]{3}-[A-Z0-9]{3})<")


@get("/overview")
async def overview(user: SignedIn) -> Response[str]:
    return Response(f"overview of {user.email}", media_type="text/plain")


HANDLERS = (
    *sign_in_pages.handlers,
    *settings_views.handlers,
    *people.handlers,
    *absence_pages.handlers,
    *working_time.handlers,
    overview,
)


def accounts_site(settings: Settings, database: Database) -> AbstractAsyncContextManager[Shield]:
    return site_with(settings, database, None, session_middleware, HANDLERS)


class Browser:
    """One browser with its own cookies. `post` fills in the hidden token of the form on the page before."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.csrf = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        answer = await self.client.get(path, **more)
        found = FIELD.search(answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    async def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        return await self.client.post(path, data={"_csrf_token": self.csrf, **(data or {})}, **more)

    async def ask(self, email: str, next_path: str = "") -> httpx.Response:
        await self.get("/login")
        return await self.post("/login", {"email": email, "next": next_path})

    async def press(self, token: str, code: str = "") -> httpx.Response:
        await self.get(f"/login/{token}")
        return await self.post("/login/verify", {"token": token, "code": code})

    async def code(self) -> str:
        found = CODE.search((await self.get("/login/sent")).text)
        assert found
        return found[1]

    async def signed_in(self) -> bool:
        return (await self.get("/overview")).status_code == 200


class World:
    """A site, its database and the browsers in front of it."""

    def __init__(self, settings: Settings, database: Database, site: Shield, stack: AsyncExitStack) -> None:
        self.settings, self.database = settings, database
        self.site = site
        self._stack = stack

    async def browser(self, *, site: Any = None, address: str = "127.0.0.1", **headers: str) -> Browser:
        transport = httpx.ASGITransport(site or self.site, client=(address, 123))
        client = httpx.AsyncClient(transport=transport, base_url=self.settings.base_url, headers=headers)
        return Browser(await self._stack.enter_async_context(client))

    async def add(self, email: str, *, admin: bool = False) -> User:
        async with self.database.write("system") as session:
            return await service.add_user(session, email, admin=admin)

    async def sign_in(self, email: str) -> Browser:
        """A browser in which that person is signed in."""
        browser = await self.browser()
        async with self.database.write("system") as session:
            url = await create_sign_in_link(session, email, self.settings.base_url)
        answer = await browser.press(url.rsplit("/", 1)[-1])
        assert answer.status_code == 303, answer.text
        await browser.get("/settings")
        return browser

    async def mails(self) -> list[dict[str, Any]]:
        """The payloads of the mails enqueued so far, oldest first."""
        async with self.database.read() as session:
            rows = await session.execute(text("SELECT payload FROM tasks WHERE kind = 'email.send' ORDER BY id"))
            return [row[0] if isinstance(row[0], dict) else msgspec.json.decode(row[0]) for row in rows]

    async def token(self, which: int = -1) -> str:
        """Render a mail as its task would; the token in its link."""
        payload = (await self.mails())[which]
        async with self.database.write("system") as session:
            data = msgspec.convert(payload["data"], SignInData)
            context = await SignInLetter().prepare(session, data, self.settings)
        assert context["to"] == payload["to"]
        message = render("sign_in", context, to=payload["to"], task_id=uuid7(), settings=self.settings)
        plain = message.get_body(("plain",))
        assert plain is not None
        found = TOKEN.findall(plain.get_content())
        assert len(found) == 1, "one short link, once"
        return str(found[0])

    async def sessions(self) -> list[UserSession]:
        async with self.database.read() as session:
            return list((await session.execute(select(UserSession))).scalars())

    async def session_id(self, browser: Browser) -> UUID:
        wanted = digest(browser.client.cookies["hg_session"])
        return next(row.id for row in await self.sessions() if row.token_hash == wanted)

    async def sql(self, statement: str, **values: Any) -> Any:
        async with self.database.write("system") as session:
            found: Any = await session.execute(text(statement), values)
            return found.all() if found.returns_rows else None


MakeWorld = Callable[..., World]


@asynccontextmanager
async def world_of(settings: Settings, database: Database) -> AsyncIterator[World]:
    async with accounts_site(settings, database) as site, AsyncExitStack() as stack:
        yield World(settings, database, site, stack)
