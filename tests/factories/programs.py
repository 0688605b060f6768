"""Programs that use the API of a whole site: real tokens of real people, no header that the site believes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes
from typing import Any
from uuid import UUID

import httpx
from redis.asyncio import Redis

import holdgate.kinds.application_follow_up
import holdgate.kinds.application_submit
import holdgate.kinds.approval_request
import holdgate.kinds.email_message
import holdgate.kinds.email_send
import holdgate.kinds.sample_task
import holdgate.kinds.webhook_deliver  # noqa: F401
import tests.runtime.kinds  # noqa: F401
from holdgate.accounts.queries import insert_session
from holdgate.accounts.service import add_user
from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.accounts.tokens import queries
from holdgate.accounts.tokens.personal import SHOWN, START, USUAL
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.files import FileStore
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.tokens import digest, mint
from tests.factories.applications import site_with

V1 = "/api/v1"
OWNER, OTHER, ADMIN = "owner@example.org", "other@example.org", "admin@example.org"
ALL = (*USUAL, Scope.ADMIN)
WEBHOOK = {"url": "https://hooks.example/a", "events": ["run.finished"]}
SCHEDULE = {"name": "Every morning", "kind": "sample.task", "cron": "0 9 * * *", "zone": "Europe/Berlin"}


async def token_for(
    session: WriteSession, user_id: UUID, scopes: Sequence[Scope] = USUAL, lasts: timedelta | None = None
) -> str:
    """A token without the email about it: most tests look at all tasks there are."""
    token = START + mint()
    await queries.insert_token(
        session,
        id=uuid7(),
        user_id=user_id,
        name="tests",
        prefix=token[:SHOWN],
        token_hash=digest(token),
        scopes=[scope.value for scope in Scope if scope in scopes],
        lasts=lasts,
    )
    return token


@dataclass
class Api:
    """A site and its database."""

    settings: Settings
    database: Database
    site: Any
    transport: httpx.ASGITransport
    stack: AsyncExitStack

    async def person(self, email: str, *, admin: bool = False) -> Principal:
        async with self.database.write("system") as session:
            user = await add_user(session, email, admin=admin)
        return Principal(user.id, user.email, user.name, "admin" if admin else "member")

    async def token(
        self,
        email: str = OWNER,
        scopes: Sequence[Scope] = USUAL,
        *,
        admin: bool = False,
        lasts: timedelta | None = None,
    ) -> str:
        person = await self.person(email, admin=admin)
        async with self.database.write("system") as session:
            return await token_for(session, person.id, scopes, lasts)

    async def client(self, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A program with this token."""
        more = {"Authorization": f"Bearer {token}"} if token else {}
        made = httpx.AsyncClient(
            transport=self.transport, base_url=self.settings.base_url, headers={**more, **headers}, timeout=30
        )
        return await self.stack.enter_async_context(made)

    async def program(
        self, email: str = OWNER, scopes: Sequence[Scope] = USUAL, *, admin: bool = False
    ) -> httpx.AsyncClient:
        return await self.client(await self.token(email, scopes, admin=admin))

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        from sqlalchemy import text

        async with self.database.write("system") as session:
            found: Any = await session.execute(text(statement), values)
            return list(found.all()) if found.returns_rows else []


@asynccontextmanager
async def api_of(settings: Settings, database: Database, redis: Redis | None) -> AsyncIterator[Api]:
    async with site_with(settings, database, redis, session_middleware) as shield, AsyncExitStack() as stack:
        transport = httpx.ASGITransport(shield, raise_app_exceptions=False)
        yield Api(settings, database, shield, transport, stack)


async def make_task(program: httpx.AsyncClient, **values: Any) -> UUID:
    answer = await program.post(f"{V1}/tasks", json={"kind": "sample.task", **values})
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def keep_file(api: Api, task_id: UUID) -> str:
    """A file of a task that has not run."""
    await FileStore(api.settings).put(f"{task_id}/1", b"x")
    [[made]] = await api.sql(
        "INSERT INTO artifacts (id, task_id, name, content_type, size, sha256, key, attempt)"
        " VALUES (:task, :task, 'x.txt', 'text/plain', 1, '', :key, 0) RETURNING id",
        task=task_id,
        key=f"{task_id}/1",
    )
    return str(made)


async def signed_in(api: Api, email: str) -> dict[str, str]:
    """A browser session and a token of theirs, by their ids."""
    person = await api.person(email)
    async with api.database.write("system") as session:
        await insert_session(session, token_bytes(32), person.id, address="192.0.2.7", user_agent="Firefox/1 Linux")
    await api.token(email)
    [[session_id]] = await api.sql("SELECT id FROM sessions WHERE user_id = :id", id=person.id)
    [[token_id]] = await api.sql("SELECT id FROM api_tokens WHERE user_id = :id ORDER BY id DESC LIMIT 1", id=person.id)
    return {"session_id": str(session_id), "token_id": str(token_id)}


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer is a problem of this status, whole and well-formed."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"] == f"/api/docs#problem-{status}"
    assert body["title"] and body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def pointers(answer: httpx.Response) -> list[str]:
    """The places in the body that a refusal names."""
    return [error["pointer"] for error in is_problem(answer, 422)["errors"]]
