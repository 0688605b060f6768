"""`http.request` against a real server: what is sent, how the answer's status is judged, what of it is kept."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.files import FileStore
from holdgate.tasks.artifacts import artifacts_of
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester
from tests.factories.people import add_user
from tests.factories.site import browser_of, site_of
from tests.kinds.odd_site import data, odd_site, page, redirect


async def test_an_answer_is_kept_with_its_status_text_and_harmless_headers(tester: KindTester) -> None:
    async with odd_site(page("Hello", "200 OK", "Set-Cookie: session=s3cr3t", 'ETag: "7"')) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url + "/a?b=c"})
        assert await tester.run(task_id) == "succeeded"
    assert site.lines == ["GET /a?b=c"]
    assert await tester.result(task_id) == {
        "status": 200,
        "headers": {"content-type": "text/html", "etag": '"7"'},
        "body": "Hello",
        "file": None,
        "cut": False,
    }


@pytest.mark.parametrize(
    ("payload", "body", "content_type"),
    [
        ({"json": {"a": ["é", 1]}}, '{"a":["é",1]}', "application/json"),
        ({"text": "a=b"}, "a=b", "text/plain; charset=utf-8"),
        ({"text": "a=b", "headers": {"content-type": "application/x-www-form-urlencoded"}}, "a=b", "application/x-www"),
    ],
)
async def test_a_body_is_sent_as_text_or_json(
    tester: KindTester, payload: dict[str, object], body: str, content_type: str
) -> None:
    async with odd_site(data("{}")) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url, "method": "POST", **payload})
        assert await tester.run(task_id) == "succeeded"
    [(_, sent)] = site.asked
    assert sent.decode() == body
    assert f"content-type: {content_type}" in site.heads[0].lower()


async def test_every_try_carries_the_same_idempotency_key(tester: KindTester) -> None:
    async with odd_site(data("{}", "503 Busy"), data("{}")) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url, "method": "POST"})
        assert await tester.finish(task_id) == "succeeded"
    assert [f"idempotency-key: {task_id}:send" in head.lower() for head in site.heads] == [True, True]


@pytest.mark.parametrize(
    "more", [{"method": "GET"}, {"idempotency_header": ""}, {"headers": {"idempotency-key": "own"}}]
)
async def test_no_key_is_added_where_none_is_wanted(tester: KindTester, more: dict[str, object]) -> None:
    async with odd_site(data("{}")) as site:
        await tester.run(await tester.enqueue("http.request", {"url": site.url, "method": "POST", **more}))
    assert ":send" not in site.heads[0]


@pytest.mark.parametrize(
    ("status", "more", "state"),
    [
        ("204 No Content", {}, "succeeded"),
        ("404 Not Found", {}, "dead_letter"),
        ("404 Not Found", {"succeed": ["2xx", "404"]}, "succeeded"),
        ("404 Not Found", {"retry": ["400-499"]}, "retrying"),
        ("429 Slow Down", {}, "retrying"),
        ("500 Oops", {}, "retrying"),
        ("500 Oops", {"retry": []}, "dead_letter"),
        ("201 Created", {"succeed": ["200"]}, "dead_letter"),
    ],
)
async def test_the_status_decides(tester: KindTester, status: str, more: dict[str, object], state: str) -> None:
    async with odd_site(data("{}", status)) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url, **more})
        assert await tester.run(task_id) == state
    assert len(site.asked) == 1


async def test_a_refusal_is_told_in_the_sites_own_words(tester: KindTester) -> None:
    async with odd_site(data('{"error": "no such order"}', "422 Unprocessable")) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url})
        assert await tester.run(task_id) == "dead_letter"
    assert (await tester.task(task_id)).reason == '127.0.0.1 answered 422: {"error": "no such order"}'


NOW = "Date: Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "least"),
    [
        ("429 Slow Down", ["Retry-After: 3600"], timedelta(hours=1)),
        ("503 Closed", [NOW, "Retry-After: Mon, 23 Nov 2026 12:00:00 GMT"], timedelta(hours=2)),
        ("503 Closed", ["Retry-After: 99999999999999999999"], timedelta(0)),
        ("503 Closed", ["Retry-After: 99999999"], timedelta(days=1)),  # at most
        ("503 Closed", [NOW, "Retry-After: soon"], timedelta(0)),
        ("503 Closed", [NOW, "Retry-After: Sun, 22 Nov 2026 12:00:00 GMT"], timedelta(0)),
        ("500 Oops", ["Retry-After: 3600"], timedelta(0)),
    ],
)
async def test_a_busy_site_is_left_alone_for_as_long_as_it_asks(
    tester: KindTester, status: str, headers: list[str], least: timedelta
) -> None:
    before = datetime.now(UTC)
    async with odd_site(page("", status, *headers)) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url})
        assert await tester.run(task_id) == "retrying"
    task = await tester.task(task_id)
    assert task.run_at is not None
    assert least <= task.run_at - before <= least * 1.1 + timedelta(minutes=1)
    assert (task.failures, "1 of 5 failed: 127.0.0.1 answered" in str(task.reason)) == (1, True)


async def test_a_redirect_is_not_followed(tester: KindTester) -> None:
    async with odd_site(redirect("http://127.0.0.1:1/elsewhere")) as site:
        refused = await tester.enqueue("http.request", {"url": site.url})
        taken = await tester.enqueue("http.request", {"url": site.url, "succeed": ["303"]})
        assert await tester.run(taken) == "succeeded"
        assert (await tester.task(refused)).state == "dead_letter"
    assert (await tester.result(taken))["headers"]["location"] == "http://127.0.0.1:1/elsewhere"


async def test_a_long_answer_becomes_a_file(tester: KindTester, database: Database, settings: Settings) -> None:
    text = "é" * 20_000
    async with odd_site(data(text)) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url})
        assert await tester.run(task_id) == "succeeded"
    result = await tester.result(task_id)
    assert (result["body"], result["file"]["content_type"], result["cut"]) == (None, "application/json", False)
    async with database.read() as session:
        [file] = await artifacts_of(session, task_id)
    assert await FileStore(settings).read(file.key) == text.encode()


async def test_what_only_pretends_to_be_text_becomes_a_file(tester: KindTester) -> None:
    async with odd_site(page("a\0b")) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url})
        assert await tester.run(task_id) == "succeeded"
    assert (await tester.result(task_id))["file"]["size"] == 3


async def test_an_answer_beyond_the_cap_is_cut_and_says_so(tester: KindTester) -> None:
    async with odd_site(page("é" * 100_000)) as site:
        task_id = await tester.enqueue("http.request", {"url": site.url, "max_bytes": 1001})
        assert await tester.run(task_id) == "succeeded"
    result = await tester.result(task_id)
    assert (result["body"], result["cut"]) == ("é" * 500, True)


async def test_private_addresses_are_refused_for_good(database: Database, settings: Settings) -> None:
    async with (
        odd_site(data("{}")) as site,
        KindTester(database, msgspec.structs.replace(settings, allow_private_addresses=False)) as tester,
    ):
        task_id = await tester.enqueue("http.request", {"url": site.url})
        assert await tester.run(task_id) == "dead_letter"
        assert "not on the public internet" in ((await tester.task(task_id)).reason or "")
    assert site.asked == []


async def test_a_site_that_is_down_is_tried_again(tester: KindTester) -> None:
    task_id = await tester.enqueue("http.request", {"url": "http://127.0.0.1:1/"})
    assert await tester.run(task_id) == "retrying"


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "http://h/", "text": "a", "json": 1},
        {"url": "http://h/", "method": "CONNECT"},
        {"url": "http://h/", "headers": {"Host": "other"}},
        {"url": "http://h/", "headers": {"Content-Length": "3"}},
        {"url": "http://h/", "headers": {"a b": "c"}},
        {"url": "http://h/", "headers": {"a": "b\r\nc: d"}},
        {"url": "http://h/", "idempotency_header": "a:b"},
        {"url": "http://h/", "succeed": ["6xx"]},
        {"url": "http://h/", "succeed": []},
        {"url": "http://h/", "max_bytes": 11 * 1024 * 1024},
        {"url": "http://h/", "timeout": 121},
    ],
)
async def test_a_payload_that_makes_no_request_is_refused(tester: KindTester, payload: dict[str, object]) -> None:
    with pytest.raises(PayloadMismatch):
        await tester.enqueue("http.request", payload)


async def test_secret_headers_are_sent_but_shown_nowhere(
    tester: KindTester,
    database: Database,
    settings: Settings,
    redis: object,
    capfd: pytest.CaptureFixture[str],
) -> None:
    owner = await add_user(database, "ann@example.org")
    async with odd_site(data('{"seen": "Bearer s3cr3t-s3cr3t"}', "500 Oops")) as site:
        payload = {"url": f"{site.url}/?api_key=s3cr3t", "headers": {"Authorization": "Bearer s3cr3t-s3cr3t"}}
        task_id = await tester.enqueue("http.request", payload, owner_id=owner.id)
        assert await tester.run(task_id) == "retrying"
    assert "bearer s3cr3t-s3cr3t" in site.heads[0].lower()
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:  # type: ignore[arg-type]
        text = (await browser.get(f"/tasks/{task_id}")).text
    assert "[hidden]" in text
    assert "s3cr3t" not in text
    said = capfd.readouterr()
    assert "s3cr3t" not in said.out + said.err
