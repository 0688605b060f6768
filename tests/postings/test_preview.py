"""The preview: how a file was read, and reading it another way."""

from pathlib import Path

import httpx
from sqlalchemy import text

from holdgate.core.db import Database
from tests.elements import elements, notices, texts
from tests.factories.people import Browser
from tests.factories.postings import count

CASES = Path(__file__).parent / "cases"
UNKNOWN = "Was,Wo,Netz\nReetdachdecker,Ried,https://ried.example/1\n"
FIELDS = {"column": ["Was", "Wo", "Netz"], "field": ["title", "company", "url"]}


async def upload(browser: Browser, name: str, data: bytes) -> str:
    sent = await browser.send_form("/postings/import", files={"file": (name, data)})
    assert sent.status_code == 303
    return sent.headers["location"]


def chosen(page: httpx.Response) -> list[str]:
    return [each["value"] for each in elements(page, "option", selected=True) if each["value"]]


async def test_columns_that_nobody_knows_are_chosen_and_remembered_for_that_header(
    browser: Browser, bobs: Browser, database: Database
) -> None:
    where = await upload(browser, "a.csv", UNKNOWN.encode())
    page = await browser.get(where)
    assert "columns" in notices(page)
    assert texts(page, "label", **{"for": "column-0"}) == ["Was"]

    read = await browser.send_form(f"{where}/read", {**FIELDS, "remember": "true"})
    assert chosen(await browser.get(read.headers["location"])) == ["title", "company", "url"]
    await browser.send_form(where)
    assert await count(database, "postings") == 1

    again = await upload(browser, "b.csv", UNKNOWN.replace("/1", "/2").encode())
    assert "columns" not in notices(await browser.get(again))
    api_like = await upload(bobs, "b.csv", UNKNOWN.encode())
    assert "columns" in notices(await bobs.get(api_like))


async def test_an_encoding_that_is_chosen_in_the_preview_is_taken(browser: Browser, database: Database) -> None:
    where = await upload(browser, "c.csv", (CASES / "cp1251.csv").read_bytes())
    await browser.send_form(f"{where}/read", {"encoding": "windows-1251"})
    assert chosen(await browser.get(where))[-1] == "windows-1251"
    refused = await browser.send_form(f"{where}/read", {"encoding": "utf-8"})
    assert refused.status_code == 422
    await browser.send_form(where)
    async with database.read() as session:
        assert (await session.execute(text("SELECT title FROM postings"))).scalar_one() == "Кровельщик"
        # The file itself is of no use any more.
        assert (await session.execute(text("SELECT data FROM posting_imports"))).scalar_one() is None


async def test_the_company_that_a_board_names_by_a_short_name_is_corrected(
    browser: Browser, database: Database
) -> None:
    for name in ("lever-salary-locations.json", "jsonld-confidential.html"):
        where = await upload(browser, name, (CASES / name).read_bytes())
        assert elements(await browser.get(where), "input", name="company")
        await browser.send_form(f"{where}/read", {"company": "Thread & Loom Ltd"})
        await browser.send_form(where)
    async with database.read() as session:
        companies = (await session.execute(text("SELECT company FROM postings"))).scalars().all()
    assert companies == ["Thread & Loom Ltd"] * 2


async def test_an_import_that_was_confirmed_is_not_read_again(browser: Browser, bobs: Browser) -> None:
    where = await upload(browser, "a.csv", UNKNOWN.replace("Was,Wo,Netz", "title,company,url").encode())
    assert (await bobs.send_form(f"{where}/read")).status_code == 404
    await browser.send_form(where)
    late = await browser.send_form(f"{where}/read")
    assert late.status_code == 303
    assert (await browser.get(where)).status_code == 200


async def test_a_long_preview_has_pages(browser: Browser) -> None:
    lines = "".join(f"Job {n},Harrow,https://harrow.example/{n}\n" for n in range(450))
    where = await upload(browser, "a.csv", f"title,company,url\n{lines}".encode())
    seen: list[str] = []
    page: str | None = where
    while page:
        shown = await browser.get(page)
        seen += texts(shown, "th", scope="row", **{"class": "main-cell"})
        page = next((each["href"] for each in elements(shown, "a", rel="next")), None)
    rows = [each for each in seen if each.startswith("Job ")]
    assert [row.split()[1] for row in rows] == [str(n) for n in range(450)]
