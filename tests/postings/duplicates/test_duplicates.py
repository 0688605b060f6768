"""Postings of two boards that are likely one job: suggested, made one by a person, applied to once."""

from collections.abc import Iterable
from uuid import UUID

import httpx
import pytest

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings.duplicates import service as duplicates
from holdgate.postings.duplicates.conditions import COMPARED
from holdgate.postings.duplicates.queries import likely_of
from holdgate.postings.errors import PostingInUse
from holdgate.postings.formats.likeness import company_key, title_key
from holdgate.postings.queries import Search, list_postings, open_ones
from holdgate.postings.service import start_applications
from tests.elements import elements, notices
from tests.factories.people import Browser
from tests.factories.postings import apply_to, count, listed, runs

TEXT = " ".join(f"word{n}" for n in range(60))
OTHER_TEXT = " ".join(f"other{n}" for n in range(60))
ON_BOARD = "Thatcher (m/f/d),Reed & Co Ltd,Diss,https://www.linkedin.com/jobs/view/4012345678,,"
ON_SITE = 'THATCHER,Reed & Co.,"Diss, Norfolk",https://reed.example/jobs/1,https://reed.example/jobs/1/apply,'
HEADER = "title,company,location,url,apply_url,description\n"


async def imported(browser: Browser, database: Database, owner: Principal, *lines: str) -> list[UUID]:
    """The ids in the order of the lines."""
    await browser.imported(HEADER + "\n".join(lines))
    return [posting.id for posting in await listed(database, owner)]


async def suggested(database: Database, ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    async with database.read() as session:
        return {id: {one.id for one in found} for id, found in (await likely_of(session, list(ids))).items()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Thatcher (m/w/d)", "THATCHER"),
        ("Thatcher, senior (all genders)", "Thatcher – Senior"),
        ("Welder m/f", "Welder"),
        ("Soudeur H/F", "soudeur"),
    ],
)
def test_a_title_is_known_however_boards_write_it(one: str, other: str) -> None:
    assert title_key(one) == title_key(other) != ""


def test_what_makes_another_position_or_employer_stays_in_its_key() -> None:
    assert len({title_key(title) for title in ("C Developer", "C++ Developer", "C# Developer", "H/W Engineer")}) == 4
    assert company_key("Reed & Co. Ltd") == company_key("REED") == company_key("Reed GmbH") != company_key("Reed Sons")
    assert company_key("Co") == "co"
    assert title_key("木工") and company_key("株式会社") and title_key("–") == ""


@pytest.mark.parametrize(
    ("other", "likely"),
    [
        (ON_SITE, True),
        (ON_SITE + TEXT, True),
        (ON_SITE.replace('"Diss, Norfolk"', ""), True),
        (ON_SITE.replace('"Diss, Norfolk"', "Leeds"), False),
        (ON_SITE.replace("THATCHER", "Master thatcher"), False),
        (ON_SITE.replace("Reed & Co.", "Straw & Co."), False),
        (ON_SITE + OTHER_TEXT, False),
        (ON_BOARD.replace("4012345678", "4099999999"), False),
    ],
    ids=["as it is", "with its text", "no place", "elsewhere", "title", "employer", "text", "the same site"],
)
async def test_employer_title_place_and_text_at_another_site_make_a_likely_duplicate(
    browser: Browser, database: Database, ada: Principal, other: str, likely: bool
) -> None:
    one, two = await imported(browser, database, ada, ON_BOARD + TEXT, other)
    assert await suggested(database, [one, two]) == ({one: {two}, two: {one}} if likely else {})
    async with database.read() as session:
        found = await list_postings(session, ada.id, Search(likely=True), 10)
    assert len(found) == (2 if likely else 0)


async def test_two_that_are_the_same_are_one_with_two_addresses_and_applied_to_once(
    browser: Browser, bobs: Browser, database: Database, ada: Principal
) -> None:
    board, site = await imported(browser, database, ada, ON_BOARD, ON_SITE)
    tab = await browser.get("/postings?applied=likely")
    assert {each["data-likely"] for each in elements(tab, "span", data_likely=True)} == {str(board), str(site)}
    for page in (f"/postings/{board}", f"/runs/new?posting={site}"):
        assert "likely" in notices(await browser.get(page))
    assert (await bobs.send_form(f"/postings/{board}/same/{site}")).status_code == 404

    for _ in range(2):  # pressed twice it is said once
        said = await browser.send_form(f"/postings/{board}/same/{site}")
        assert said.headers["location"] == f"/postings/{site}", "the one that can be sent directly is shown"
    assert [one.id for one in await listed(database, ada)] == [site]
    for id in (board, site):
        assert addresses(await browser.get(f"/postings/{id}")) == [str(board)]
    for page in (f"/postings/{site}", f"/runs/new?posting={site}"):
        assert "likely" not in notices(await browser.get(page))

    await browser.imported(HEADER + ON_BOARD + "A new text\n" + ON_SITE)
    assert await count(database, "postings") == 2
    async with database.write("test") as session:
        started = await start_applications(session, ada, name="both", posting_ids=[board, site], force=False)
    assert (started.tasks, [number for _, _, number in await runs(database)]) == (1, [1])
    await apply_to(database, board)
    [one] = await listed(database, ada)
    assert (one.id, one.applied_at is not None) == (site, True)
    async with database.read() as session:
        assert await list_postings(session, ada.id, open_ones(""), 10) == []


def addresses(page: httpx.Response) -> list[str]:
    return [each["data-address"] for each in elements(page, "dd", data_address=True)]


async def test_what_a_tracker_says_of_any_of_its_addresses_is_said_of_the_posting(
    browser: Browser, database: Database, ada: Principal
) -> None:
    board, site = await imported(browser, database, ada, ON_BOARD, ON_SITE)
    await browser.send_form(f"/postings/{site}/same/{board}")
    tracked = "title,company,url,status\nThatcher,Reed,https://www.linkedin.com/jobs/view/4012345678,Interview\n"
    await browser.imported(tracked)
    [one] = await listed(database, ada, applied=True)
    assert (one.id, await count(database, "applications WHERE status = 'interview'")) == (site, 1)


async def test_an_address_is_taken_apart_again_and_those_that_differ_are_not_suggested_again(
    browser: Browser, database: Database, ada: Principal
) -> None:
    board, site = await imported(browser, database, ada, ON_BOARD, ON_SITE)
    await browser.send_form(f"/postings/{board}/same/{site}")
    assert (await browser.send_form(f"/postings/{board}/different/{site}")).status_code == 409
    assert (await browser.send_form(f"/postings/{site}/separate/{site}")).status_code == 404
    assert (await browser.send_form(f"/postings/{site}/separate/{board}")).status_code == 303
    assert {one.id for one in await listed(database, ada)} == {board, site}
    assert await suggested(database, [board, site]) == {}

    third = (await imported(browser, database, ada, ON_SITE.replace("reed.example", "jobs.example")))[0]
    assert await suggested(database, [third]) == {third: {board, site}}
    for _ in range(2):
        assert (await browser.send_form(f"/postings/{third}/different/{board}?then=list")).status_code == 303
    assert await suggested(database, [third]) == {third: {site}}


async def test_the_one_that_was_applied_to_is_shown_and_two_under_way_are_not_made_one(
    browser: Browser, database: Database, ada: Principal
) -> None:
    board, site = await imported(browser, database, ada, ON_BOARD, ON_SITE)
    await apply_to(database, board)
    async with database.write("test") as session:
        await start_applications(session, ada, name="other", posting_ids=[site], force=False)
    with pytest.raises(PostingInUse):
        async with database.write("test") as session:
            await duplicates.mark_same(session, ada, board, site)
    third = ON_SITE.replace("reed.example", "jobs.example")
    newest = (await imported(browser, database, ada, third))[0]
    async with database.write("test") as session:
        assert await duplicates.mark_same(session, ada, newest, board) == board
    assert {one.id for one in await listed(database, ada)} == {board, site}


async def test_of_many_that_are_alike_a_few_are_compared(browser: Browser, database: Database, ada: Principal) -> None:
    alike = [ON_SITE.replace("reed.example", f"reed{n}.example") for n in range(COMPARED + 3)]
    ids = await imported(browser, database, ada, *alike)
    assert {len(found) for found in (await suggested(database, ids)).values()} == {COMPARED}
