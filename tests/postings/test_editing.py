"""One posting added, edited, archived and deleted by a person, on pages; the API does the same."""

from uuid import UUID

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings.queries import Search, list_postings, open_ones
from holdgate.tasks.service import TaskRequest, enqueue
from tests.elements import alerts, elements, invalid
from tests.factories.people import Browser
from tests.factories.postings import apply_to, make_postings, row

POSTING = {"title": "Thatcher", "company": "Reed & Co", "url": "reed.example/1", "location": "Diss"}


async def titles(database: Database, owner: Principal, search: Search) -> list[str]:
    async with database.read() as session:
        return [posting.title for posting in await list_postings(session, owner.id, search, 100)]


async def test_a_posting_is_added_and_edited_and_then_no_import_changes_it(
    browser: Browser, bobs: Browser, database: Database, ada: Principal
) -> None:
    wrong = await browser.send_form("/postings", {**POSTING, "url": "nowhere"})
    assert (wrong.status_code, list(invalid(wrong))) == (422, ["url"])
    made = await browser.send_form("/postings", {**POSTING, "valid_through": "2031-05-04"})
    where = made.headers["location"]
    form = await browser.get(f"{where}/edit")
    assert [each["value"] for each in elements(form, "input", name="valid_through")] == ["2031-05-04"]
    assert [each["value"] for each in elements(form, "input", name="apply_url")] == [""], "its own page, wherever it is"

    edited = {**POSTING, "title": "Master thatcher", "apply_url": "jobs@reed.example"}
    assert (await browser.send_form(f"{where}/edit", edited)).status_code == 303
    await browser.imported("title,company,url\nAnother,Other,https://reed.example/1\n")
    assert await titles(database, ada, Search()) == ["Master thatcher"]
    async with database.read() as session:
        kept = (await session.execute(text("SELECT channel, valid_through FROM postings"))).one()
    assert tuple(kept) == ("email", None)
    assert (await bobs.get(f"{where}/edit")).status_code == 404
    assert (await bobs.send_form(f"{where}/edit", edited)).status_code == 404


async def test_an_edited_address_may_not_be_anothers(browser: Browser, database: Database, ada: Principal) -> None:
    first, _ = await make_postings(database, ada, "Cook", "Baker")
    async with database.read() as session:
        baker = next(p for p in await list_postings(session, ada.id, Search("baker"), 1))
    refused = await browser.send_form(f"/postings/{first}/edit", {**POSTING, "url": baker.url})
    assert (refused.status_code, list(invalid(refused))) == (422, ["url"])
    assert sorted(await titles(database, ada, Search())) == ["Baker", "Cook"]


async def test_what_is_archived_is_kept_out_of_all_until_it_is_restored(
    browser: Browser, bobs: Browser, database: Database, ada: Principal
) -> None:
    cook, _ = await make_postings(database, ada, "Cook", "Baker")
    assert (await bobs.send_form(f"/postings/{cook}/archive")).status_code == 404
    for _ in range(2):
        await browser.send_form(f"/postings/{cook}/archive")
    assert await titles(database, ada, open_ones("")) == ["Baker"]
    assert await titles(database, ada, Search(archived=True)) == ["Cook"]
    await browser.send_form(f"/postings/{cook}/restore")
    assert await titles(database, ada, Search(archived=True)) == []


async def test_a_posting_is_deleted_unless_it_was_or_is_applied_to(
    browser: Browser, bobs: Browser, database: Database, ada: Principal
) -> None:
    free, applied, under_way = await make_postings(
        database, ada, row(1, "Free"), row(2, "Applied"), row(3, "Under way")
    )
    await apply_to(database, applied)
    await start(database, ada, under_way)
    assert (await bobs.send_form(f"/postings/{free}/delete")).status_code == 404
    assert (await browser.send_form(f"/postings/{free}/delete")).status_code == 303
    for kept in (applied, under_way):
        refused = await browser.send_form(f"/postings/{kept}/delete")
        assert (refused.status_code, bool(alerts(refused))) == (409, True)
    assert sorted(await titles(database, ada, Search())) == ["Applied", "Under way"]


async def start(database: Database, owner: Principal, posting: UUID) -> None:
    async with database.write("system") as session:
        payload = {"posting_id": str(posting)}
        request = TaskRequest(kind="application.submit", payload=payload, subject=str(posting), owner_id=owner.id)
        await enqueue(session, request)
