"""Who uses the pages of a test: people in the database and their browsers, which neither know htmx nor scripts."""

import re
from html import unescape
from typing import Any, Literal
from uuid import UUID

import httpx
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal

PEOPLE: dict[str, Principal] = {}
HTMX = {"HX-Request": "true"}


async def add_user(database: Database, email: str, role: Literal["member", "admin"] = "member") -> Principal:
    person = Principal(uuid7(), email, "", role)
    async with database.write("system") as session:
        await session.execute(
            text("INSERT INTO users (id, email, role) VALUES (:id, :email, :role)"),
            {"id": person.id, "email": email, "role": role},
        )
    PEOPLE[email] = person
    return person


def authenticate(app: ASGIApp) -> ASGIApp:
    """The site believes the header X-Test-User."""

    async def resolve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            email = dict(scope["headers"]).get(b"x-test-user", b"").decode()
            scope["user"] = PEOPLE.get(email)
        await app(scope, receive, send)

    return resolve


class Browser(httpx.AsyncClient):
    """Follows no redirect by itself, keeps cookies, and sends forms with what they hide."""

    def __init__(self, transport: httpx.ASGITransport, person: Principal) -> None:
        super().__init__(
            transport=transport, base_url="http://127.0.0.1:8000", headers={"X-Test-User": person.email}, timeout=30
        )

    async def csrf(self) -> str:
        if "hg_csrf" not in self.cookies:
            await self.get("/postings/import")
        return self.cookies["hg_csrf"]

    async def send_form(self, path: str, values: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        return await self.post(path, data={"_csrf_token": await self.csrf(), **(values or {})}, **more)

    async def import_text(self, content: str, **values: Any) -> httpx.Response:
        return await self.send_form("/postings/import", {"text": content, **values})

    async def imported(self, content: str) -> None:
        """Every good row of `content` is a posting."""
        preview = await self.import_text(content)
        assert preview.status_code == 303, words(preview)
        done = await self.send_form(preview.headers["location"], {"leave_out": "true"})
        assert done.status_code == 303, words(done)


def words(response: httpx.Response) -> str:
    """What the page's content says, on one line."""
    main = re.sub(r"(?s)^.*?<main|</main>.*$", "<main", response.text)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def is_empty(response: httpx.Response) -> bool:
    """Whether it says that there is nothing to list, in whatever words."""
    return " data-empty" in response.text


def ids(response: httpx.Response) -> list[UUID]:
    """The postings of a list, in its order."""
    return [UUID(found) for found in re.findall(r'<tr id="posting-([0-9a-f-]+)"', response.text)]


def hidden(response: httpx.Response, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', response.text)
    assert found, f"no field {name}"
    return unescape(found[1])


def csv(*titles: str, company: str = "Harrow", location: str = "Leeds") -> str:
    """A file with a posting for every title."""
    rows = [
        f'"{title}",{company},"{location}",https://harrow.example/{n}-{abs(hash(title))}'
        for n, title in enumerate(titles)
    ]
    return "\n".join(["title,company,location,url", *rows])
