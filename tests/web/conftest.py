"""A site of a few routes that do what pages do, and a client in front of it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Conflict, Invalid, NotFound, TooMany, Unauthorized
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn, admin_only, signed_in
from holdgate.web.http.request import WebRequest
from holdgate.web.http.security import Shield
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, render_private, see_other
from holdgate.web.site import make_site

FIELD = re.compile(r'name="_csrf_token" value="([^"]+)"')


class Note(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]


class NoteView(msgspec.Struct, frozen=True):
    form: Form[Note]
    notes: int = 0


class Count(msgspec.Struct):
    n: int


@get("/notes")
async def show(request: WebRequest, read: Read) -> Response[str]:
    number = await read.scalar(text("SELECT count(*) FROM users"))
    return await render(request, "page.html", NoteView(blank(), number or 0), fragment="_part.html", nav="notes")


@post("/notes")
async def add(request: WebRequest, write: Write) -> Response[str]:
    """Adds a person, because there is a table of people."""
    form = await read_form(request, Note)
    title = form.values["title"]
    person = {"id": uuid7(), "email": f"{title or 'nobody'}@x"}
    await write.execute(text("INSERT INTO users (id, email) VALUES (:id, :email)"), person)
    if title == "conflict":
        raise Conflict("Somebody was quicker.")
    if title == "crash":
        raise ValueError("a mistake")
    if form.data is None or title == "refused":
        write.announce("queue:default")
        return await render(request, "page.html", NoteView(form), status=422)
    return see_other(request, "/notes", "Saved.")


@get("/refusals/{name:str}")
async def refuse(name: FromPath[str]) -> None:
    raise {
        "missing": NotFound("There is no such note."),
        "invalid": Invalid("Please check.", {"title": "Too long."}),
        "busy": TooMany("Wait a little.", 7),
        "out": Unauthorized("Your session has ended."),
        "crash": ValueError("a mistake with a secret"),
    }[name]


@get("/search")
async def search(read: Read, q: FromQuery[str]) -> str:
    return str(await read.scalar(text("SELECT length(CAST(:q AS text))"), {"q": q}))


@get("/writes")
async def writes_in_a_get(write: Write) -> None:
    """Never reached."""


@get("/private")
async def private(request: WebRequest) -> Response[str]:
    return await render_private(request, "page.html", NoteView(blank()))


@get("/mine", guards=[signed_in])
async def mine(user: SignedIn) -> str:
    return user.email


@get("/admin", guards=[admin_only])
async def admin() -> str:
    return "admin"


@get("/plain/{token:str}")
async def plain(request: WebRequest, token: FromPath[str]) -> str:
    return request.scope["method"]


@post("/body")
async def body(request: WebRequest) -> str:
    return str(len(await request.body()))


@get("/api/v1/crash")
async def api_crash() -> None:
    raise ValueError("a mistake with a secret")


@post("/api/v1/counts")
async def api_count(data: JSONBody[Count], q: FromQuery[int] = 0) -> dict[str, int]:
    return {"n": data.n}


@post("/review")
async def review(request: WebRequest) -> str:
    return str((await request.form())["token"])


HANDLERS = [search, show, add, refuse, writes_in_a_get, private, mine, admin, plain, body, api_crash, api_count, review]


def sign_in_by_header(app: ASGIApp) -> ASGIApp:
    """For tests: the header X-User names a person, `admin@…` an administrator."""

    async def resolve(scope: Scope, receive: Receive, send: Send) -> None:
        email = dict(scope["headers"]).get(b"x-user", b"").decode()
        role: Any = "admin" if email.startswith("admin") else "member"
        scope["user"] = Principal(uuid7(), email, "", role) if email else None
        scope["auth"] = None
        await app(scope, receive, send)

    return resolve


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The real error pages with stand-ins for the frame, so that these tests are about the toolkit only."""
    real = Path(__file__).parents[2] / "templates"
    made = tmp_path / "templates"
    (made / "components").mkdir(parents=True)
    for name in ("error.html", "components/_error.html"):
        (made / name).write_text((real / name).read_text())
    who = "{{ page.user.email if page and page.user }} waiting={{ page.waiting if page }}"
    frame = who + "{% block content %}{% endblock %}"
    for name in ("base.html", "bare.html"):
        (made / name).write_text(frame)
    (made / "page.html").write_text(
        '<html>{% for each in page.flash %}<p data-level="{{ each.level }}">{{ each.text }}</p>{% endfor %}'
        '{% include "_part.html" %}<input type="hidden" name="_csrf_token" value="{{ page.csrf_token }}">'
        "waiting={{ page.waiting }} {{ view.form.error('title') }}</html>"
    )
    (made / "_part.html").write_text('<div id="_part">{{ view.notes }} {{ view.form.value("title") }}</div>')
    return made


class Client(httpx.AsyncClient):
    """An httpx client that sends the hidden token of the last form it has seen."""

    async def form(self, path: str, data: dict[str, Any], **more: Any) -> httpx.Response:
        found = FIELD.search((await self.get("/notes")).text)
        assert found
        return await self.post(path, data={"_csrf_token": found[1], **data}, **more)


MakeSite = Callable[..., Shield]
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
def site_of(settings: Settings, database: Database, templates: Path) -> MakeSite:
    def make(changed: Settings = settings, **more: Any) -> Shield:
        given = {"authenticate": sign_in_by_header, "templates": templates, **more}
        return make_site(changed, database, HANDLERS, **given)[0]

    return make


@pytest.fixture
async def client(site_of: MakeSite, settings: Settings) -> AsyncIterator[Client]:
    async with Client(transport=httpx.ASGITransport(site_of()), base_url=settings.base_url) as made:
        yield made


@pytest.fixture
async def people(database: Database) -> Callable[[], Awaitable[list[str]]]:
    async def read() -> list[str]:
        async with database.read() as session:
            return [row[0] for row in await session.execute(text("SELECT email FROM users"))]

    return read
