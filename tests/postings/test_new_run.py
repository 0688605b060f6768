"""The page that starts a run, as a browser without scripts uses it."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.elements import alerts, elements, notices, texts
from tests.factories.people import HTMX, Browser, hidden, ids, is_empty, words
from tests.factories.postings import apply_to, make_postings, runs, ticked


async def send(browser: Browser, page: httpx.Response, **values: Any) -> httpx.Response:
    """The page's form with these values in it."""
    name = re.search(r'name="name" value="([^"]*)"', page.text)
    assert name
    given = {"name": name[1], "form": hidden(page, "form"), **values}
    if 'name="matching"' in page.text:
        given.setdefault("matching", hidden(page, "matching"))
    return await browser.send_form("/runs", given)


def label_of_all(page: httpx.Response) -> str:
    """What the box says that chooses all of them."""
    found = elements(page)
    box = next(n for n, each in enumerate(found) if each.attributes.get("name") == "all")
    return found[box + 1].text


async def test_the_selected_postings_of_the_list_become_a_run(
    browser: Browser, database: Database, ada: Principal
) -> None:
    first, second, third = await make_postings(database, ada, "Clerk", "Smith", "Cook")
    page = await browser.get(f"/runs/new?posting={first}&posting={third}")
    assert ids(page) == [first, third, second]
    assert ticked(page) == {first, third}
    assert re.search(r'name="name" value="Applications, \d{1,2} [A-Z][a-z]{2}"', page.text)
    sent = await send(browser, page, posting=[str(first), str(third)])
    ((run_id, name, tasks),) = await runs(database)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/runs/{run_id}")
    assert name.startswith("Applications, ")
    assert tasks == 2


async def test_all_that_are_not_yet_applied_to_can_be_started(
    browser: Browser, database: Database, ada: Principal
) -> None:
    wanted = await make_postings(database, ada, *(f"Job {n}" for n in range(150)), "Done")
    await apply_to(database, wanted[-1])
    page = await browser.get("/runs/new")
    assert "150" in label_of_all(page).split()
    assert "100" in texts(page, data_more=True)[0].split()
    assert (await send(browser, page, all="true")).status_code == 303
    assert [tasks for _, _, tasks in await runs(database)] == [150]


async def test_all_means_all_that_match_the_search_that_the_page_has_counted(
    browser: Browser, database: Database, ada: Principal
) -> None:
    await make_postings(database, ada, "Clerk one", "Clerk two", "Smith")
    page = await browser.get("/runs/new?q=clerk&all=true")
    assert "2" in label_of_all(page).split()
    assert "“clerk”" in label_of_all(page)
    assert re.search(r'name="all" value="true" checked', page.text)
    # Something else has been typed since, but never searched for.
    assert (await send(browser, page, all="true", q="smith")).status_code == 303
    assert [tasks for _, _, tasks in await runs(database)] == [2]


async def test_searching_without_scripts_keeps_what_was_chosen(
    browser: Browser, database: Database, ada: Principal
) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    page = await browser.get(f"/runs/new?name=Mine&q=smith&posting={first}&form=x&matching=")
    assert ids(page) == [first, second]
    assert ticked(page) == {first}
    assert 'name="name" value="Mine"' in page.text
    assert 'value="smith"' in page.text


async def test_the_csrf_token_is_no_field_of_the_search(browser: Browser, database: Database, ada: Principal) -> None:
    await make_postings(database, ada, "Clerk")
    form = re.search(r'(?s)<form class="stack".*?</form>', (await browser.get("/runs/new")).text)
    assert form
    assert "<input" in form[0]
    assert re.findall(r'<\w+[^>]*name="_csrf_token"', form[0])[0].startswith("<button")


async def test_a_search_by_htmx_gets_the_choice_alone(browser: Browser, database: Database, ada: Principal) -> None:
    await make_postings(database, ada, "Clerk", "Smith")
    part = await browser.get("/runs/new?q=cle", headers=HTMX)
    assert part.text.lstrip().startswith('<section id="f-postings"')
    assert len(ids(part)) == 1


async def test_an_empty_choice_is_refused_with_the_form(browser: Browser, database: Database, ada: Principal) -> None:
    await make_postings(database, ada, "Clerk")
    refused = await send(browser, await browser.get("/runs/new"), name="Mine")
    assert refused.status_code == 422
    assert elements(refused, "a", href="#f-postings")
    assert 'name="name" value="Mine"' in refused.text
    assert await runs(database) == []


async def test_what_has_been_applied_to_needs_an_explicit_again(
    browser: Browser, database: Database, ada: Principal
) -> None:
    done, todo = await make_postings(database, ada, "Done", "To do")
    await apply_to(database, done)
    page = await browser.get(f"/runs/new?posting={done}")
    assert ids(page) == [todo, done]
    assert '<details class="fold" open>' in page.text
    refused = await send(browser, page, posting=str(done))
    assert refused.status_code == 422
    assert alerts(refused)
    assert ticked(refused) == {done}
    assert (await send(browser, refused, posting=str(done), force="true")).status_code == 303
    assert [tasks for _, _, tasks in await runs(database)] == [1]


async def test_skipped_postings_are_counted_in_the_answer(browser: Browser, database: Database, ada: Principal) -> None:
    done, todo = await make_postings(database, ada, "Done", "To do")
    await apply_to(database, done)
    await send(browser, await browser.get("/runs/new"), posting=[str(done), str(todo)])
    said = words(await browser.get("/postings"))
    assert "The run has started with 1 task. 1 posting skipped: already applied." in said


async def test_sending_the_form_twice_at_once_makes_one_run(
    browser: Browser, database: Database, ada: Principal
) -> None:
    wanted = [str(id) for id in await make_postings(database, ada, "Clerk", "Smith")]
    page = await browser.get("/runs/new")
    await browser.csrf()
    both = await asyncio.gather(*(send(browser, page, posting=wanted) for _ in range(2)))
    ((run_id, _, tasks),) = await runs(database)
    assert [sent.headers["location"] for sent in both] == [f"/runs/{run_id}"] * 2
    assert tasks == 2
    late = await send(browser, page, posting=wanted[:1])
    assert late.headers["location"] == f"/runs/{run_id}"
    assert elements(await browser.get("/postings"), role="status", data_level=True)


@pytest.mark.parametrize("form", ["", "x", "WyJhIiwgImIiXQ.aa.bb"])
async def test_a_forged_form_makes_no_run(browser: Browser, database: Database, ada: Principal, form: str) -> None:
    (posting,) = await make_postings(database, ada, "Clerk")
    page = await browser.get("/runs/new")
    refused = await send(browser, page, posting=str(posting), form=form)
    assert refused.status_code == 422
    assert await runs(database) == []
    assert (await send(browser, refused, posting=str(posting))).status_code == 303


async def test_another_persons_form_or_posting_makes_no_run(
    browser: Browser, bobs: Browser, database: Database, ada: Principal, bob: Principal
) -> None:
    (hers,), (his,) = await make_postings(database, ada, "Hers"), await make_postings(database, bob, "His")
    page = await browser.get("/runs/new")
    assert (await send(bobs, page, posting=str(his))).status_code == 422
    assert (await send(browser, page, posting=[str(hers), str(his)])).status_code == 404
    assert await runs(database) == []
    assert ids(await browser.get(f"/runs/new?posting={his}")) == [hers]


@pytest.mark.parametrize(
    "values",
    [{"posting": "nonsense"}, {"name": "x" * 201}, {"name": ""}, {"name": "a\0b"}, {"matching": "\0", "all": "true"}],
)
async def test_what_does_not_fit_is_shown_again(
    browser: Browser, database: Database, ada: Principal, values: dict[str, str]
) -> None:
    (posting,) = await make_postings(database, ada, "Clerk")
    refused = await send(browser, await browser.get("/runs/new"), **({"posting": str(posting)} | values))
    assert refused.status_code == 422
    assert await runs(database) == []


@pytest.mark.parametrize(
    "query", ["posting=x&posting=", "q=%00", "name=" + "x" * 500, "all=maybe&force=1", "posting=%00"]
)
async def test_strange_addresses_are_answered(browser: Browser, query: str) -> None:
    assert (await browser.get(f"/runs/new?{query}")).status_code == 200


async def test_a_profile_that_lacks_something_is_pointed_out(
    browser: Browser, database: Database, ada: Principal
) -> None:
    preview = (await browser.import_text("title,company,url\nBinder,Press,https://press.example/1\n")).headers[
        "location"
    ]
    for page in ("/runs/new", preview):
        assert "résumé" in notices(await browser.get(page))["profile"], page
    async with database.write("system") as session:
        await session.execute(
            text(
                "WITH p AS (INSERT INTO profiles (user_id, name) VALUES (:id, 'Ada'))"
                " INSERT INTO resumes (id, user_id, name, media_type, content, usual)"
                " VALUES (gen_random_uuid(), :id, 'cv.txt', 'text/plain', 'x', true)"
            ),
            {"id": ada.id},
        )
    for page in ("/runs/new", preview):
        assert "profile" not in notices(await browser.get(page)), page


async def test_without_postings_the_page_leads_to_the_import(browser: Browser) -> None:
    page = await browser.get("/runs/new")
    assert is_empty(page)
    assert 'href="/postings/import?then=run"' in page.text


@pytest.mark.parametrize(("zone", "ahead"), [("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)])
async def test_a_run_has_the_day_of_where_its_person_is_as_its_name(
    browser: Browser, database: Database, ada: Principal, zone: str, ahead: int
) -> None:
    await make_postings(database, ada, "Clerk")
    browser.cookies["hg_zone"] = zone
    page = await browser.get("/runs/new")
    async with database.read() as session:
        there = await session.scalar(text(f"SELECT CAST(now() AT TIME ZONE 'UTC' + interval '{ahead} hours' AS date)"))
    assert there is not None
    assert elements(page, "input", name="name")[0]["value"] == f"Applications, {there.day} {there:%b}"


async def test_a_mixed_run_says_how_many_are_sent_in_which_way_and_why_by_hand(
    browser: Browser, database: Database, ada: Principal
) -> None:
    await browser.imported(
        "title,company,url,apply_url\n"
        "Clerk,Harrow,https://harrow.example/1,https://harrow.example/1/apply\n"
        "Smith,Harrow,https://harrow.example/2,jobs@harrow.example\n"
        "Cook,Harrow,https://harrow.example/3,\n"
        "Baker,Harrow,https://harrow.example/4,\n"
    )
    started = await send(browser, await browser.get("/runs/new"), all="true")
    page = await browser.get(started.headers["location"])
    assert [each["data-fact"] for each in elements(page, "li", data_fact=True)] == ["2", "1", "1"]
    reasons = elements(await browser.get("/postings"), "span", data_channel="by_hand")
    assert len(reasons) == 2 and all(len(each.text) > len("By hand.") for each in reasons)
