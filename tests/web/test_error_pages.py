"""Each refusal as the page and the part people see: what happened, what to do, and the request id to report."""

import re
from pathlib import Path

import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.web.assets import Assets
from holdgate.web.errors import ErrorDetails, write
from holdgate.web.templates import environment
from tests.factories.approvals import principal
from tests.factories.site import browser_of, site_of, stranger

ROOT = Path(__file__).parents[2]
PAGES = environment(ROOT / "templates", Assets(ROOT / "static"))


@pytest.mark.parametrize("partial", [False, True], ids=["page", "part"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 421, 422, 429, 500, 503])
def test_an_error_says_what_happened_what_to_do_and_its_request_id(status: int, partial: bool) -> None:
    scope = {"path": "/tasks", "state": {"request_id": "find-me-7"}}
    problem = ErrorDetails(status=status, title="Title <b>", detail="Detail & reason.")
    media_type, body = write(problem, scope, PAGES, partial=partial)
    text = body.decode()
    assert media_type == "text/html"
    assert "Title &lt;b&gt;" in text
    assert "Detail &amp; reason." in text
    assert "find-me-7" in text
    advice = re.search(r"What to do: </span>([^<]+)", text)
    assert advice
    assert advice[1] != "Go back and try again.", "every status has its own advice"
    assert 'href="/login"' in text if status == 401 else 'href="/"' in text
    assert text.startswith("<!doctype") is not partial
    assert "<script" not in text


def test_a_page_whose_address_does_not_fit_leads_to_the_page_without_it_and_never_elsewhere() -> None:
    problem = ErrorDetails(status=422, title="Please check", detail="This page address is damaged.")
    for path in ("/tasks", "//tasks"):
        scope = {"path": path, "query_string": b"cursor=zzz", "method": "GET", "state": {"request_id": "x"}}
        text = write(problem, scope, PAGES, partial=False)[1].decode()
        assert '<a class="button button--primary" href="/tasks">Open the page</a>' in text
        sent = write(problem, {**scope, "method": "POST"}, PAGES, partial=False)[1].decode()
        assert "Go back, fix what is named above" in sent


async def test_an_address_no_route_knows_shows_who_is_signed_in_where_to_go_and_lets_them_sign_out(
    settings: Settings, database: Database, redis: Redis
) -> None:
    async with site_of(settings, database, redis) as site:
        async with browser_of(site, await principal(database, "ann@example.org")) as browser:
            await browser.get("/tasks")
            kept = browser.cookies["hg_csrf"]
            for path in ("/no/such/page", "/tasks/nonsense"):
                page = await browser.get(path)
                assert page.status_code == 404
                assert 'aria-label="Main"' in page.text
                assert "ann@example.org" in page.text
                assert f'name="_csrf_token" value="{kept}"' in page.text
            wrong = await browser.send_form("/overview")
            assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
            assert 'aria-label="Main"' in wrong.text
        async with stranger(site) as nobody:
            assert 'aria-label="Main"' not in (await nobody.get("/no/such/page")).text
