"""The mailbox's pages: open in development, gone elsewhere, and a cage for the mail's HTML."""

import re
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import msgspec
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.mail import mailbox, views
from holdgate.mail.message import render
from holdgate.web.site import make_site
from tests.elements import elements
from tests.factories.people import is_empty

BASE = "http://127.0.0.1:8000"
LINK = f"{BASE}/review/abcdefghijklmnopqrstuvwxyz"


def client_for(settings: Settings, database: Database) -> httpx.AsyncClient:
    shield, _app = make_site(settings, database, views.handlers)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, shield)), base_url=BASE)


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody signed in."""
    async with client_for(settings, database) as made:
        yield made


async def deliver(database: Database, title: str, to: str = "ada@example.org") -> str:
    """Returns the path of its page."""
    context = {"title": title, "reason": "", "deadline": "", "asker": "Ann", "run_name": "", "kind": "x", "url": LINK}
    message = render("input_needed", context, to=to, task_id=uuid7(), settings=Settings())
    async with database.write("system") as session:
        await mailbox.deliver(session, message)
        return f"/mailbox/{(await mailbox.messages(session))[0].id}"


async def test_the_list_shows_the_newest_first_to_anybody(client: httpx.AsyncClient, database: Database) -> None:
    await deliver(database, "The <first>")
    path = await deliver(database, "The second")
    page = (await client.get("/mailbox")).text
    assert page.index("The second") < page.index("The &lt;first&gt;")
    assert f'href="{path}"' in page


async def test_the_list_can_be_searched_by_recipient(client: httpx.AsyncClient, database: Database) -> None:
    await deliver(database, "For Ada")
    await deliver(database, "For Bob", to="bob@example.org")
    page = (await client.get("/mailbox", params={"recipient": " BOB@ "})).text
    assert "For Bob" in page
    assert "For Ada" not in page
    assert 'hx-get="/mailbox?recipient=BOB%40"' in page


async def test_an_empty_list_says_so(client: httpx.AsyncClient) -> None:
    assert is_empty(await client.get("/mailbox"))
    assert is_empty(nobody := await client.get("/mailbox?recipient=nobody")) and "“nobody”" in nobody.text
    assert (await client.get("/mailbox?recipient=%00")).status_code == 200


async def test_the_list_renews_itself_with_the_same_fragment(client: httpx.AsyncClient, database: Database) -> None:
    await deliver(database, "Hello")
    page = (await client.get("/mailbox")).text
    fragment = (await client.get("/mailbox", headers={"HX-Request": "true"})).text
    assert fragment.startswith('<section id="messages"')
    assert "data-live" in fragment
    ago = re.compile(r">[^<]*</time>")
    assert ago.sub("", fragment.strip()) in ago.sub("", page)


async def test_a_message_shows_its_parts_one_at_a_time(client: httpx.AsyncClient, database: Database) -> None:
    path = await deliver(database, "Hello")
    html = await client.get(path)
    assert f'src="{path}/html"' in html.text
    assert "frame-src 'self'" in html.headers["content-security-policy"]
    assert "script-src 'self'" in html.headers["content-security-policy"]
    text = (await client.get(f"{path}?part=text")).text
    assert f'<a href="{LINK}" rel="noopener" target="_blank">' in text
    assert "<iframe" not in text
    source = (await client.get(f"{path}?part=source")).text
    assert "Auto-Submitted" in source
    assert "Content-Transfer-Encoding: quoted-printable" in source


async def test_the_html_part_is_shown_in_a_cage(client: httpx.AsyncClient, database: Database) -> None:
    path = await deliver(database, "Hello")
    part = await client.get(f"{path}/html")
    policy = part.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "frame-ancestors 'self'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert part.headers["x-frame-options"] == "SAMEORIGIN"
    assert f'<a target="_blank" rel="noopener noreferrer" href="{LINK}"' in part.text


@pytest.mark.parametrize("rest", ["", "/html"])
async def test_an_unknown_message_is_not_found(client: httpx.AsyncClient, rest: str) -> None:
    assert (await client.get(f"/mailbox/{uuid7()}{rest}")).status_code == 404
    assert (await client.get(f"/mailbox/nonsense{rest}")).status_code == 404


async def test_an_unknown_part_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    path = await deliver(database, "Hello")
    assert (await client.get(f"{path}?part=secret")).status_code == 422


async def test_everything_is_deleted_by_a_button_and_only_by_post(
    client: httpx.AsyncClient, database: Database
) -> None:
    await deliver(database, "Hello")
    page = (await client.get("/mailbox")).text
    assert (await client.get("/mailbox/delete")).status_code in (404, 405)
    assert (await client.post("/mailbox/delete")).status_code == 403
    token = re.search(r'name="_csrf_token" value="([^"]+)"', page)
    assert token is not None
    answer = await client.post("/mailbox/delete", data={"_csrf_token": token[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/mailbox")
    answer = await client.get("/mailbox")
    assert is_empty(answer)
    assert elements(answer, data_level="success")


@pytest.mark.parametrize("elsewhere", [{"environment": "production"}, {"smtp_url": "smtp://127.0.0.1:25"}])
async def test_there_is_no_mailbox_where_mail_really_goes_out(
    settings: Settings, database: Database, elsewhere: dict[str, str]
) -> None:
    path = await deliver(database, "Hello")
    async with client_for(msgspec.structs.replace(settings, **elsewhere), database) as client:
        for address in ("/mailbox", path, f"{path}/html"):
            answer = await client.get(address)
            assert answer.status_code == 404
            assert "Hello" not in answer.text
        client.cookies.set("hg_csrf", "x" * 43)
        deleted = await client.post("/mailbox/delete", data={"_csrf_token": "x" * 43})
        assert deleted.status_code == 404
    async with database.read() as session:
        assert await mailbox.messages(session)
