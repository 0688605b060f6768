"""The pages of an import: what is refused, what the preview says, what a confirmation does."""

import httpx
import pytest

from holdgate.core.db import Database
from tests.elements import alerts, elements, invalid, notices, texts
from tests.factories.people import Browser, csv, words
from tests.factories.postings import SAMPLES, count


async def upload(browser: Browser, content: bytes, name: str = "jobs.csv") -> httpx.Response:
    return await browser.send_form("/postings/import", files={"file": (name, content)})


@pytest.mark.parametrize(
    ("name", "format", "rows"),
    [
        ("postings.csv", "CSV", 12),
        ("greenhouse.json", "Greenhouse job board", 5),
        ("lever.json", "Lever postings", 5),
        ("jobposting.html", "schema.org JobPosting", 2),
    ],
)
async def test_every_sample_is_previewed_and_imported(
    browser: Browser, database: Database, name: str, format: str, rows: int
) -> None:
    sent = await upload(browser, (SAMPLES / name).read_bytes(), name)
    assert sent.status_code == 303
    preview = await browser.get(sent.headers["location"])
    assert preview.status_code == 200
    assert format in words(preview)
    assert str(rows) in texts(preview, class_="stat")[0].split()
    assert await count(database, "postings") == 0
    done = await browser.send_form(sent.headers["location"])
    assert (done.status_code, done.headers["location"]) == (303, "/postings")
    assert f"{rows} postings imported." in words(await browser.get("/postings"))
    assert await count(database, "postings") == rows


async def test_the_preview_names_row_column_and_value_of_every_error(browser: Browser) -> None:
    sent = await upload(browser, (SAMPLES / "broken.csv").read_bytes(), "broken.csv")
    said = words(await browser.get(sent.headers["location"]))
    assert "New 3 will be imported" in said
    assert "3 title This row has no title. empty" in said
    assert "5 apply_url The address must begin with http:// or https://. ftp://kestrel.example/jobs" in said
    assert "6 The same posting as row 2. It is imported once." in said
    assert "9 company This row has no company." in said


async def test_rows_with_errors_are_left_out_only_when_somebody_says_so(browser: Browser, database: Database) -> None:
    sent = await upload(browser, (SAMPLES / "broken.csv").read_bytes(), "broken.csv")
    refused = await browser.send_form(sent.headers["location"])
    assert refused.status_code == 422
    assert list(invalid(refused)) == ["leave_out"]
    assert await count(database, "postings") == 0
    done = await browser.send_form(sent.headers["location"], {"leave_out": "true"})
    assert done.status_code == 303
    assert await count(database, "postings") == 3


async def test_a_posting_that_is_known_gets_the_text_of_the_new_file(browser: Browser, database: Database) -> None:
    await browser.imported("title,company,url\nClerk,Harrow,https://harrow.example/1\n")
    sent = await browser.import_text(
        "title,company,url\nAnother title,Harrow,http://www.harrow.example/1/?utm_source=x\nNew,Harrow,https://harrow.example/2\n"
    )
    said = words(await browser.get(sent.headers["location"]))
    assert "New 1 will be imported Already imported 1 updated" in said
    await browser.send_form(sent.headers["location"])
    said = words(await browser.get("/postings"))
    assert "1 posting imported. 1 row had been imported before; 1 of them updated." in said
    assert "Another title" in said
    assert "Clerk" not in said
    assert await count(database, "postings") == 2


async def test_two_rows_of_one_file_with_the_same_address_become_one_posting(
    browser: Browser, database: Database
) -> None:
    await browser.imported(
        "title,company,url\nClerk,Harrow,https://harrow.example/1\nClerk,Harrow,https://harrow.example/1?ref=x\n"
    )
    assert await count(database, "postings") == 1


async def test_the_same_address_is_another_persons_own_posting(
    browser: Browser, bobs: Browser, database: Database
) -> None:
    for somebody in (browser, bobs):
        await somebody.imported(csv("Clerk"))
    assert await count(database, "postings") == 2


async def test_an_import_in_which_nothing_is_new_offers_to_update_what_is_known(browser: Browser) -> None:
    await browser.imported(csv("Clerk"))
    sent = await browser.import_text(csv("Clerk"))
    page = await browser.get(sent.headers["location"])
    assert "nothing-new" in notices(page)
    assert elements(page, "form", action=sent.headers["location"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('title,company,url\n"Clerk,Harrow,https://harrow.example/1\nx,y,z\n', "is not closed properly"),
        ('{"jobs": [', "is not valid JSON"),
    ],
)
async def test_an_unreadable_text_is_shown_again_and_nothing_is_stored(
    browser: Browser, database: Database, content: str, sentence: str
) -> None:
    refused = await browser.import_text(content)
    assert refused.status_code == 422
    assert sentence in words(refused)
    assert content.strip().split("\n")[0] in words(refused)
    assert await count(database, "posting_imports") == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rest", b"\x00\x01binary", b"%PDF-1.7"])
async def test_a_file_that_is_none_of_the_formats_is_refused_by_the_form(
    browser: Browser, database: Database, content: bytes
) -> None:
    refused = await upload(browser, content)
    assert refused.status_code == 422
    assert alerts(refused)
    assert await count(database, "posting_imports") == 0


async def test_eleven_megabytes_are_refused_with_the_limit(browser: Browser, database: Database) -> None:
    refused = await upload(browser, b"title,company,url\n" + b"x" * 11_000_000)
    assert refused.status_code == 422
    assert "10 MiB" in invalid(refused)["file"]
    assert await count(database, "posting_imports") == 0


async def test_fifty_megabytes_are_refused_before_they_are_read(browser: Browser) -> None:
    refused = await upload(browser, b"x" * 50_000_000)
    assert refused.status_code == 413
    assert "12 MB" in alerts(refused)


@pytest.mark.parametrize("given", [{}, {"text": "  "}])
async def test_a_form_without_file_and_text_is_shown_again(browser: Browser, given: dict[str, str]) -> None:
    refused = await browser.send_form("/postings/import", given)
    assert refused.status_code == 422
    assert invalid(refused)


async def test_file_and_text_together_are_refused(browser: Browser) -> None:
    refused = await browser.send_form("/postings/import", {"text": csv("A")}, files={"file": ("a.csv", b"x")})
    assert refused.status_code == 422
    assert list(invalid(refused)) == ["text"]


async def test_a_discarded_import_is_gone(browser: Browser, database: Database) -> None:
    sent = await browser.import_text(csv("Clerk"))
    where = sent.headers["location"]
    assert (await browser.send_form(f"{where}/discard")).status_code == 303
    for late in (await browser.send_form(where), await browser.get(where), await browser.send_form(f"{where}/discard")):
        assert late.status_code == 404
        assert alerts(late)
    assert await count(database, "postings") == 0


async def test_another_persons_import_does_not_exist(browser: Browser, bobs: Browser, database: Database) -> None:
    where = (await browser.import_text(csv("Clerk"))).headers["location"]
    assert (await bobs.get(where)).status_code == 404
    assert (await bobs.send_form(where)).status_code == 404
    assert (await bobs.send_form(f"{where}/discard")).status_code == 404
    assert await count(database, "postings") == 0
    assert (await browser.send_form(where)).status_code == 303


async def test_confirming_again_says_so_and_imports_nothing(browser: Browser, database: Database) -> None:
    where = (await browser.import_text(csv("Clerk"))).headers["location"]
    await browser.send_form(where)
    again = await browser.send_form(where)
    assert (again.status_code, again.headers["location"]) == (303, where)
    assert len(elements(await browser.get(where), role="status", data_level=True)) == 2, "done, and done before"
    assert await count(database, "postings") == 1
    assert (await browser.send_form(f"{where}/discard")).status_code == 409


async def test_nobody_imports_without_signing_in(site: httpx.ASGITransport) -> None:
    async with httpx.AsyncClient(transport=site, base_url="http://127.0.0.1:8000") as stranger:
        assert (await stranger.get("/postings/import")).headers["location"].startswith("/login?next=")
        assert (await stranger.post("/postings/import", data={"text": "x"})).status_code in (401, 403)
