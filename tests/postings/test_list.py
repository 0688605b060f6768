"""The list of postings and one posting: search, filter, pages, and whose they are."""

import re
from html import unescape
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import service
from tests.elements import alerts
from tests.factories.people import HTMX, Browser, ids, is_empty, words
from tests.factories.postings import listed, make_postings, make_task, row


async def titles(database: Database, owner: Principal, q: str) -> list[str]:
    return [posting.title for posting in await listed(database, owner, q)]


async def test_all_words_must_occur_and_the_last_one_may_be_a_beginning(database: Database, ada: Principal) -> None:
    await make_postings(
        database,
        ada,
        row(1, "Senior Python Developer", location="Berlin"),
        row(2, "Full-Stack Engineer", company="Gantry & Rail"),
        row(3, "Pythagoras Fellow", location="Samos"),
        row(4, "Zoë’s Köchin (m/w/d)", company="O'Reilly"),
    )
    assert await titles(database, ada, "pyth") == ["Senior Python Developer", "Pythagoras Fellow"]
    assert await titles(database, ada, "PYTHON ber") == ["Senior Python Developer"]
    assert await titles(database, ada, "pyth berlin") == []
    assert await titles(database, ada, "full-sta") == ["Full-Stack Engineer"]
    assert await titles(database, ada, "gantry & r") == ["Full-Stack Engineer"]
    assert await titles(database, ada, "köch") == ["Zoë’s Köchin (m/w/d)"]
    assert await titles(database, ada, "o'rei") == ["Zoë’s Köchin (m/w/d)"]
    assert await titles(database, ada, "developer -") == ["Senior Python Developer"]
    assert await titles(database, ada, "???") == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(max_size=60) | st.text("':*&|!<>()\\ %_\"a1-./@#$", max_size=30))
@example(q="':* & | ! <-> ( \\")
@example(q="\0")
@example(q="a\0b")
@example(q="\\'")
@example(q="x" * 5000)
@example(q="http://a.b/c'd?e=\\f foo@bar.example -1.5e10")
async def test_no_search_is_an_error(shared_database: Database, q: str) -> None:
    nobody = Principal(UUID(int=1), "nobody@example.com", "", "member")
    assert await titles(shared_database, nobody, q.encode(errors="ignore").decode()) == []


@pytest.mark.parametrize("query", ["q=%00", "q=%FF%FE", "q='%3A*%20%26", "q=%F0%9F%98%80", "q=a&q=b", "applied=maybe"])
async def test_strange_addresses_are_answered(browser: Browser, query: str) -> None:
    assert (await browser.get(f"/postings?{query}")).status_code == 200


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%FF", "MjAyNi0wMS0wMSBub3QtYW4taWQ"])
async def test_a_damaged_cursor_is_refused_with_a_sentence(browser: Browser, cursor: str) -> None:
    refused = await browser.get(f"/postings?cursor={cursor}")
    assert refused.status_code == 422
    assert alerts(refused)


def _link(response: httpx.Response, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]*)"', response.text)
    return unescape(found[1]) if found else None


async def test_the_pages_show_every_posting_once_even_while_others_are_imported(
    browser: Browser, database: Database, ada: Principal
) -> None:
    everything = await make_postings(database, ada, *(f"Job {n}" for n in range(125)))
    seen: list[list[UUID]] = []
    where: str | None = "/postings"
    while where:
        page = await browser.get(where)
        seen.append(ids(page))
        where = _link(page, "next")
        await make_postings(database, ada, f"Late {where}")
    assert [len(part) for part in seen] == [50, 50, 25]
    assert [id for part in seen for id in part] == everything
    where = _link(page, "prev")
    assert where
    page = await browser.get(where)
    assert ids(page) == seen[1]
    where = _link(page, "prev")
    assert where
    page = await browser.get(where)
    assert ids(page) == seen[0]


async def test_the_pages_keep_search_and_filter(browser: Browser, database: Database, ada: Principal) -> None:
    await make_postings(database, ada, *(f"Job {n}" for n in range(60)), *(f"Other {n}" for n in range(60)))
    page = await browser.get("/postings?q=job&applied=no")
    assert len(ids(page)) == 50
    second = await browser.get(_link(page, "next") or "")
    assert len(ids(second)) == 10
    assert "Other" not in words(second)
    assert ids(await browser.get(_link(second, "prev") or "")) == ids(page)


async def test_the_filter_tells_applied_from_not_yet(browser: Browser, database: Database, ada: Principal) -> None:
    done, todo = await make_postings(database, ada, "Done", "To do")
    task_id = await make_task(database)
    async with database.write("system") as session:
        await service.mark_applied(session, done, task_id)
    assert ids(await browser.get("/postings?applied=yes")) == [done]
    assert ids(await browser.get("/postings?applied=no")) == [todo]
    page = await browser.get("/postings")
    assert ids(page) == [done, todo]
    assert f'href="/tasks/{task_id}"' in page.text


async def test_a_search_by_htmx_gets_the_list_alone(browser: Browser, database: Database, ada: Principal) -> None:
    await make_postings(database, ada, "Clerk", "Smith")
    part = await browser.get("/postings?q=cle", headers=HTMX)
    assert part.text.lstrip().startswith('<section id="postings"')
    assert part.headers["vary"] == "HX-Request"
    assert len(ids(part)) == 1
    assert part.text.strip() in (await browser.get("/postings?q=cle")).text


async def test_members_see_their_own_and_admins_everybodys(
    browser: Browser, site: httpx.ASGITransport, database: Database, ada: Principal, bob: Principal, admin: Principal
) -> None:
    (hers,), (his,) = await make_postings(database, ada, "Hers"), await make_postings(database, bob, "His")
    assert ids(await browser.get("/postings")) == [hers]
    assert (await browser.get(f"/postings/{his}")).status_code == 404
    async with Browser(site, admin) as admins:
        page = await admins.get("/postings")
        assert ids(page) == [his, hers]
        assert f'value="{hers}"' not in page.text, "an application is made from one's own profile"
        assert "Hers" in words(await admins.get(f"/postings/{hers}"))


async def test_a_posting_shows_description_questions_and_safe_links(browser: Browser, ada: Principal) -> None:
    await browser.imported(
        "title,company,url,apply_url,description,industry,questions\n"
        "<b>Clerk</b>,Harrow,https://harrow.example/1,https://harrow.example/1/apply,"
        '"<p onclick=""x()"">Sums &amp; <strong>more</strong></p><script>alert(1)</script>",Retail,'
        '"[{""name"": ""permit"", ""label"": ""May you work?"", ""required"": true, ""type"": ""select"", '
        '""options"": [""yes"", ""no""]}]"\n'
    )
    (posting,) = ids(await browser.get("/postings"))
    page = await browser.get(f"/postings/{posting}")
    assert "<p>Sums &amp; <strong>more</strong></p>" in page.text
    assert "alert(1)" not in page.text
    assert "&lt;b&gt;Clerk&lt;/b&gt;" in page.text
    assert "<b>Clerk</b>" not in page.text
    said = words(page)
    assert "May you work? Choice: yes, no Required" in said
    assert "industry Retail" in said
    for link in re.findall(r'<a [^>]*href="https://harrow[^>]*>', page.text):
        assert 'rel="noopener noreferrer"' in link


async def test_an_unknown_posting_is_not_found(browser: Browser) -> None:
    assert (await browser.get(f"/postings/{UUID(int=5)}")).status_code == 404
    assert (await browser.get("/postings/nonsense")).status_code == 404


async def test_the_empty_list_says_what_to_do(browser: Browser) -> None:
    for address in ("/postings", "/postings?q=x", "/postings?applied=yes"):
        assert is_empty(await browser.get(address)), address
