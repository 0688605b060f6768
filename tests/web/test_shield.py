"""What holds for every answer, whoever gave it: headers, request id, Host, Origin, body limit, HEAD, the log."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import structlog

from holdgate.core.config import Settings
from holdgate.web.http.security import MAX_BODY
from tests.elements import alerts
from tests.web.conftest import Client, MakeSite

NO_HANDLER = ["/nowhere", "/refusals/crash", "/refusals/missing", "/notes", "/robots.txt", "/static/x/nothing.css"]


@pytest.mark.parametrize("path", NO_HANDLER)
async def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "x-request-id" in headers
    assert "strict-transport-security" not in headers


async def test_a_wrong_method_is_answered_as_completely_and_names_the_right_ones(client: Client) -> None:
    answer = await client.delete("/notes")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert "content-security-policy" in answer.headers


async def test_under_https_browsers_are_told_to_stay_there(site_of: MakeSite, settings: Settings) -> None:
    secure = msgspec.structs.replace(settings, base_url="https://hold.example.com")
    async with Client(transport=httpx.ASGITransport(site_of(secure)), base_url=secure.base_url) as client:
        answer = await client.get("/notes")
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
        assert answer.headers["set-cookie"].startswith("__Host-hg_csrf=")
        assert "Secure" in answer.headers["set-cookie"]


async def test_what_a_response_says_itself_wins(client: Client) -> None:
    headers = (await client.get("/private")).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers.get_list("content-security-policy")[0].count("script-src") == 0
    assert len(headers.get_list("referrer-policy")) == 1


async def test_a_request_id_is_taken_over_when_it_is_sane_and_made_otherwise(client: Client) -> None:
    assert (await client.get("/notes", headers={"X-Request-ID": "abc-1.2_3"})).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("", "a b", "x" * 65, "<script>", "a,b"):
        found = (await client.get("/notes", headers={"X-Request-ID": bad})).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", found)


async def test_the_error_page_names_the_request(client: Client) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": "find-me"})
    assert "find-me" in answer.text


@pytest.mark.parametrize("path", ["/notes", "/plain/x", "/robots.txt"])
async def test_head_answers_as_get_without_a_body(client: Client, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_a_post_only_path_is_a_wrong_method(client: Client) -> None:
    assert (await client.head("/body")).status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"}, 201),
        ({"Origin": "http://127.0.0.1:8000"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8090"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_change_from_another_site_is_refused(client: Client, headers: dict[str, str], status: int) -> None:
    answer = await client.post("/api/v1/counts", json={"n": 1}, headers=headers)
    assert answer.status_code == status


async def test_a_bearer_token_does_not_excuse_a_page_from_the_check(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"}
    answer = await client.post("/body", content=b"", headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text


async def test_a_review_may_come_from_its_own_page_which_sends_no_referrer(client: Client) -> None:
    assert (await client.post("/review", data={"token": "t"}, headers={"Origin": "null"})).status_code == 201
    forged = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/review", data={"token": "t"}, headers=forged)).status_code == 403


async def test_reading_from_another_site_is_fine(client: Client) -> None:
    assert (await client.get("/notes", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("hold.example.com", 200), ("hold.example.com:8443", 200), ("HOLD.example.com", 200), ("evil.example", 421)],
)
async def test_in_production_the_host_must_be_ours(
    site_of: MakeSite, settings: Settings, host: str, status: int
) -> None:
    real = msgspec.structs.replace(settings, environment="production", base_url="https://hold.example.com")
    async with Client(transport=httpx.ASGITransport(site_of(real)), base_url=real.base_url) as client:
        assert (await client.get("/notes", headers={"Host": host})).status_code == status
        assert (await client.get("/livez", headers={"Host": host})).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_in_development_the_host_must_be_this_machine(client: Client, host: str, status: int) -> None:
    """A site whose name is made to lead here could otherwise read everything as its own."""
    assert (await client.get("/notes", headers={"Host": host})).status_code == status


async def test_fifty_megabytes_are_read_to_a_bound_and_answered_with_a_page(client: Client) -> None:
    answer = await client.post("/body", content=bytes(50 * 1024 * 1024))
    assert answer.status_code == 413
    assert "12 MB" in alerts(answer) and "50 MB" in alerts(answer)
    assert "x-request-id" in answer.headers


async def chunks(number: int, taken: list[int]) -> AsyncIterator[bytes]:
    for index in range(number):
        taken.append(index)
        yield bytes(1024 * 1024)


async def test_a_body_of_unknown_length_is_stopped_at_the_limit(client: Client) -> None:
    taken: list[int] = []
    answer = await client.post("/body", content=chunks(30, taken), headers={"X-CSRF-Token": "x"})
    assert answer.status_code in (403, 413)
    assert len(taken) == 30, "read to its end, so that the client sees the answer"
    answer = await client.post("/api/v1/counts", content=chunks(30, []))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_of_just_the_limit_passes(client: Client) -> None:
    answer = await client.post("/api/v1/counts", content=b'{"n": 1}'.ljust(MAX_BODY, b" "))
    assert answer.status_code == 201


async def test_one_line_is_logged_per_request_and_no_token(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    token = "tOkEn" * 9
    with structlog.testing.capture_logs() as lines:
        await client.get(f"/plain/{token}?also={token}")
        await client.get(f"/nowhere/{token}")
    assert [(line["route"], line["status"]) for line in lines] == [("/plain/{token}", 200), ("unknown", 404)]
    assert {"method", "ms", "bytes", "address"} <= set(lines[0])
    assert "tOkEn" not in str(lines)


async def test_metrics_are_told_of_every_answer(site_of: MakeSite, settings: Settings) -> None:
    told: list[tuple[str, str, int]] = []
    site = site_of(observe=lambda method, route, status, seconds: told.append((method, route, status)))
    async with Client(transport=httpx.ASGITransport(site), base_url=settings.base_url) as client:
        await client.head("/plain/x")
        await client.get("/refusals/crash")
    assert told == [("HEAD", "/plain/{token}", 200), ("GET", "/refusals/{name}", 500)]


async def test_a_client_that_leaves_ends_the_request(site_of: MakeSite) -> None:
    """The server cancels the request's task; nothing is sent any more and nothing hangs."""
    site = site_of()
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/body",
        "raw_path": b"/body",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-length", b"10"), (b"x-csrf-token", b"x")],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        pass

    async with asyncio.timeout(5):
        await site(scope, receive, send)
