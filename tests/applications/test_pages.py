"""/applications: the list, the board, one application, and postings that were applied to elsewhere."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from holdgate.applications.queries import ApplicationSearch, ListedApplication, list_applications
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.elements import elements
from tests.factories.people import HTMX, Browser, add_user, is_empty, words
from tests.factories.postings import listed, make_postings


async def marked(browser: Browser, database: Database, her: Principal, *titles: str) -> list[ListedApplication]:
    """Applications made elsewhere, marked on the list of postings."""
    ids = await make_postings(database, her, *titles)
    done = await browser.send_form("/postings/applied", {"posting": [str(id) for id in ids]})
    assert done.status_code == 303
    return await of_person(database, her)


async def of_person(database: Database, owner: Principal) -> list[ListedApplication]:
    async with database.read() as session:
        return await list_applications(session, owner.id, ApplicationSearch(), 100)


def rows(page: httpx.Response) -> list[UUID]:
    found = [one["id"] for one in elements(page, id=True) if one["id"].startswith("application-")]
    return [UUID(id.removeprefix("application-")) for id in found]


async def test_the_list_filters_by_status_and_words_and_exports_what_it_shows(
    browser: Browser, database: Database, her: Principal
) -> None:
    assert is_empty(await browser.get("/applications"))
    clerk, smith = sorted(await marked(browser, database, her, "Clerk", "Smith"), key=lambda one: one.title)
    await browser.send_form(f"/applications/{smith.id}/status", {"status": "interview"})
    assert set(rows(await browser.get("/applications"))) == {clerk.id, smith.id}
    assert rows(await browser.get("/applications?status=interview")) == [smith.id]
    part = await browser.get("/applications?q=cle", headers=HTMX)
    assert rows(part) == [clerk.id] and part.text.lstrip().startswith("<section")
    exported = (await browser.get("/applications/export.json?status=interview")).json()
    assert [(one["title"], one["status"]) for one in exported] == [("Smith", "interview")]
    assert "Smith" in (await browser.get("/applications/export.csv")).text


async def test_the_board_has_a_column_for_each_status_and_records_a_move(
    browser: Browser, database: Database, her: Principal
) -> None:
    [clerk] = await marked(browser, database, her, "Clerk")
    board = await browser.get("/applications?view=board")
    columns = [one["data-column"] for one in elements(board, data_column=True)]
    assert columns == ["prepared", "sent", "replied", "interview", "offer", "rejected", "no_answer"]
    assert rows(board) == [clerk.id]
    moved = await browser.send_form(f"/applications/{clerk.id}/status", {"status": "offer", "back": "board"})
    assert moved.headers["location"] == "/applications?view=board"
    [after] = await of_person(database, her)
    assert after.status == "offer"
    odd = await browser.send_form(f"/applications/{clerk.id}/status", {"status": "hired"})
    assert odd.status_code == 422


async def test_notes_contact_and_a_reminder_are_kept(browser: Browser, database: Database, her: Principal) -> None:
    [clerk] = await marked(browser, database, her, "Clerk")
    here = f"/applications/{clerk.id}"
    await browser.send_form(f"{here}/notes", {"contact": "Ms Pell", "notes": "One.\nTwo."})
    await browser.send_form(f"{here}/follow-up", {"day": "2999-01-31"})
    page = await browser.get(here)
    assert elements(page, "input", name="contact")[0]["value"] == "Ms Pell"
    assert elements(page, "input", name="day")[0]["value"] == "2999-01-31"
    for day in ("2001-01-01", "soon"):
        refused = await browser.send_form(f"{here}/follow-up", {"day": day})
        assert refused.status_code == 422 and elements(refused, id="f-day-error")
        assert elements(refused, "input", name="contact")[0]["value"] == "Ms Pell", "its other forms stay filled in"
    await browser.send_form(f"{here}/follow-up", {"day": ""})
    [after] = await of_person(database, her)
    assert (after.contact, after.notes, after.follow_up_at) == ("Ms Pell", "One.\nTwo.", None)


async def test_applied_elsewhere_is_set_by_a_day_counted_once_and_can_be_taken_back(
    browser: Browser, database: Database, her: Principal
) -> None:
    [posting] = await make_postings(database, her, "Clerk")
    for slip in ("0001-01-01", "0206-10-05", "9999-12-31"):
        assert (await browser.send_form(f"/postings/{posting}/applied", {"day": slip})).status_code == 422
    for _ in range(2):
        assert (await browser.send_form(f"/postings/{posting}/applied", {"day": "2026-10-05"})).status_code == 303
    [made] = await of_person(database, her)
    assert (made.channel, made.status, str(made.sent_at)[:10]) == ("elsewhere", "sent", "2026-10-05")
    assert [one.id for one in await listed(database, her, applied=True)] == [posting]
    run = await browser.send_form("/runs", {"name": "x", "posting": str(posting)})
    assert run.status_code == 422, "a run leaves it out"
    assert (await browser.send_form(f"/postings/{posting}/not-applied")).status_code == 303
    assert await of_person(database, her) == []
    assert await listed(database, her, applied=True) == []
    assert (await browser.send_form(f"/postings/{posting}/not-applied")).status_code == 409


async def test_an_import_that_says_what_was_applied_for_makes_applications(
    browser: Browser, database: Database, her: Principal
) -> None:
    await browser.imported(
        "title,company,url,status,date applied\n"
        "Clerk,Harrow,https://harrow.example/1,Applied,2026-10-05\n"
        "Smith,Harrow,https://harrow.example/2,,\n"
    )
    [made] = await of_person(database, her)
    assert (made.title, made.channel, str(made.sent_at)[:10]) == ("Clerk", "elsewhere", "2026-10-05")


async def test_the_status_in_a_trackers_export_becomes_that_of_the_application_once(
    browser: Browser, database: Database, her: Principal
) -> None:
    async def exported(status: str) -> ListedApplication:
        await browser.imported(
            "title,company,url,status,date applied\n"
            f"Clerk,Harrow,https://harrow.example/1,{status},2026-10-05\n"
            "Smith,Harrow,https://harrow.example/2,Wishlist,\n"
        )
        [made] = await of_person(database, her)
        return made

    first = await exported("Interviewing")
    assert (first.status, str(first.sent_at)[:10]) == ("interview", "2026-10-05")
    async with database.read() as session:
        [past] = (await session.execute(text("SELECT history FROM applications"))).scalar_one()
    assert (past["status"], past["at"][:10]) == ("sent", "2026-10-05")
    await browser.send_form(f"/applications/{first.id}/status", {"status": "offer"})
    assert (await exported("Interviewing")).status == "offer", "what a person has recorded since stands"
    assert (await exported("Applied")).status == "offer"
    assert (await exported("Rejected")).status == "rejected", "the tracker says something new"


async def test_a_first_word_of_a_tracker_does_not_undo_what_a_person_has_recorded(
    browser: Browser, database: Database, her: Principal
) -> None:
    await browser.imported("title,company,url,status\nClerk,Harrow,https://harrow.example/1,Applied\n")
    [made] = await of_person(database, her)
    await browser.send_form(f"/postings/{made.posting_id}/not-applied")
    [clerk] = await marked(browser, database, her, "Smith")
    posting = next(one for one in await listed(database, her) if one.id == clerk.posting_id)
    await browser.send_form(f"/applications/{clerk.id}/status", {"status": "offer"})
    await browser.imported(f"title,company,url,status\nSmith,Harrow,{posting.url},Interview\n")
    [after] = await of_person(database, her)
    assert after.status == "offer"


@pytest.mark.parametrize("what", ["", "/hand-off", "/resume"])
async def test_another_persons_application_is_not_found(
    browser: Browser, site: httpx.ASGITransport, database: Database, her: Principal, what: str
) -> None:
    [clerk] = await marked(browser, database, her, "Clerk")
    bob = await add_user(database, "bob@example.com")
    async with Browser(site, bob) as his:
        assert (await his.get(f"/applications/{clerk.id}{what}")).status_code == 404
        assert (await his.send_form(f"/applications/{clerk.id}/status", {"status": "offer"})).status_code == 404
        assert "Clerk" not in words(await his.get("/applications"))
        theirs = await his.send_form("/postings/applied", {"posting": str(clerk.posting_id)})
        assert theirs.status_code == 404
