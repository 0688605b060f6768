"""Forged and damaged forms."""

from collections.abc import Awaitable, Callable

import pytest

from tests.elements import alerts
from tests.web.conftest import FIELD, Client

People = Callable[[], Awaitable[list[str]]]


async def test_a_form_without_its_token_is_refused(client: Client, people: People) -> None:
    await client.get("/notes")
    for data in ({}, {"_csrf_token": "x"}, {"_csrf_token": "A" * 43}):
        answer = await client.post("/notes", data={"title": "one", **data})
        assert answer.status_code == 403
        assert alerts(answer)
    assert await people() == []


async def test_a_token_without_its_cookie_is_refused(client: Client) -> None:
    found = FIELD.search((await client.get("/notes")).text)
    assert found
    client.cookies.clear()
    assert (await client.post("/notes", data={"title": "one", "_csrf_token": found[1]})).status_code == 403


async def test_the_token_may_come_in_a_header_and_stays_the_same(client: Client) -> None:
    first = FIELD.search((await client.get("/notes")).text)
    second = await client.get("/notes")
    again = FIELD.search(second.text)
    assert first and again and first[1] == again[1]
    assert "set-cookie" not in second.headers
    answer = await client.post("/notes", data={"title": "one"}, headers={"X-CSRF-Token": first[1]})
    assert answer.status_code == 303


async def test_a_damaged_cookie_is_replaced(client: Client) -> None:
    client.cookies.set("hg_csrf", "short")
    answer = await client.get("/notes")
    assert "hg_csrf=" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "content", [b"\xff=\xfe&title=%ff", b"title=" + b"\xc3", b"--x\r\n", b"&" * 5000, b"title[]=1&title[]=2"]
)
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"]
)
async def test_a_damaged_form_is_refused_and_never_a_failure(client: Client, content: bytes, content_type: str) -> None:
    answer = await client.post("/notes", content=content, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500
