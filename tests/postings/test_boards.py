"""Postings by the address of a board or of one posting: what is fetched, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.postings.boards import queries
from holdgate.postings.boards.addresses import answer_of
from holdgate.postings.boards.fetching import fetch
from tests.elements import invalid
from tests.factories.people import Browser, words
from tests.factories.postings import count

CASES = Path(__file__).parent / "cases"
GREENHOUSE = "https://boards-api.greenhouse.io/v1/boards/reed/jobs"


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("https://boards.greenhouse.io/reed", f"{GREENHOUSE}?content=true"),
        ("https://job-boards.greenhouse.io/reed/?gh_src=x", f"{GREENHOUSE}?content=true"),
        ("https://boards.greenhouse.io/embed/job_board?for=reed&b=x", f"{GREENHOUSE}?content=true"),
        ("https://job-boards.greenhouse.io/reed/jobs/7#app", f"{GREENHOUSE}/7?questions=true"),
        ("https://boards.greenhouse.io/embed/job_app?for=reed&token=7", f"{GREENHOUSE}/7?questions=true"),
        ("https://jobs.lever.co/reed", "https://api.lever.co/v0/postings/reed?mode=json"),
        (
            "https://jobs.eu.lever.co/reed/0d9f6a3e-0000-4000-8000-000000000001/apply",
            "https://api.eu.lever.co/v0/postings/reed/0d9f6a3e-0000-4000-8000-000000000001?mode=json",
        ),
        ("https://jobs.ashbyhq.com/reed/a1", "https://api.ashbyhq.com/posting-api/job-board/reed"),
        (
            "https://careers.smartrecruiters.com/Reed",
            "https://api.smartrecruiters.com/v1/companies/Reed/postings?limit=100",
        ),
        (
            "https://jobs.smartrecruiters.com/Reed/744000012-thatcher",
            "https://api.smartrecruiters.com/v1/companies/Reed/postings/744000012",
        ),
        ("https://apply.workable.com/reed/", "https://apply.workable.com/api/v1/widget/accounts/reed?details=true"),
        ("https://reed.recruitee.com/o/thatcher", "https://reed.recruitee.com/api/offers/"),
        ("https://reed.jobs.personio.de/job/7", "https://reed.jobs.personio.de/xml"),
        # These are pages, or answers, themselves.
        ("https://apply.workable.com/j/ABC123", "https://apply.workable.com/j/ABC123"),
        ("https://reed.example/jobs/7", "https://reed.example/jobs/7"),
        ("https://notgreenhouse.io/reed", "https://notgreenhouse.io/reed"),
        ("https://boards.greenhouse.io.evil.example/reed", "https://boards.greenhouse.io.evil.example/reed"),
    ],
)
def test_an_address_leads_to_the_boards_public_answer(address: str, answer: str) -> None:
    assert answer_of(address) == answer


@asynccontextmanager
async def site(pages: Mapping[str, tuple[str, bytes]]) -> AsyncIterator[str]:
    """A server that answers each path with (status and headers, body)."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        head, body = pages.get(path, ("404 Not Found", b""))
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()


@pytest.mark.parametrize(
    ("case", "title"),
    [
        ("greenhouse-departments.json", "Kiln Technician"),
        ("lever-salary-locations.json", "Weaver"),
        ("ashby-board.json", "Glass Blower"),
        ("workable-widget.json", "Glass Blower"),
        ("recruitee.json", "Glass Blower"),
        ("jsonld-no-url-ogurl.html", "Bell Founder"),
        ("personio.xml", "Glasbläser (m/w/d)"),
    ],
)
async def test_what_an_address_answers_is_read(settings: Settings, database: Database, case: str, title: str) -> None:
    async with site({"/board": ("200 OK", (CASES / case).read_bytes())}) as url:
        parsed = (await fetch(settings, database, f"{url}/board")).parsed
    assert parsed.errors == []
    assert [row.title for row in parsed.rows] == [title]


async def test_smartrecruiters_answer_is_read(settings: Settings, database: Database) -> None:
    posting = {
        "id": "744000012",
        "name": "Thatcher",
        "company": {"identifier": "Reed", "name": "Reed & Co"},
        "location": {"city": "Diss", "region": "Norfolk", "country": "gb", "remote": False},
        "jobAd": {"sections": {"jobDescription": {"title": "You & us", "text": "<p>Straw.</p>"}}},
    }
    for document in (posting, {"totalFound": 1, "content": [posting]}):
        async with site({"/": ("200 OK", msgspec.json.encode(document))}) as url:
            [row] = (await fetch(settings, database, url + "/")).parsed.rows
        assert (row.title, row.company, row.location) == ("Thatcher", "Reed & Co", "Diss, Norfolk, gb")
        assert row.url == "https://jobs.smartrecruiters.com/Reed/744000012"
        assert row.description == "<h3>You &amp; us</h3><p>Straw.</p>"


async def test_a_page_without_its_own_address_has_the_one_it_was_fetched_at(
    settings: Settings, database: Database
) -> None:
    page = b'<script type="application/ld+json">{"@type":"JobPosting","title":"Cook","url":"/jobs/7"}</script>'
    moved = ("301 Moved\r\nLocation: /jobs", b"")
    async with site({"/": moved, "/jobs": ("200 OK", page)}) as url:
        [row] = (await fetch(settings, database, url + "/")).parsed.rows
    assert (row.url, row.company) == (f"{url}/jobs/7", "127.0.0.1")


@pytest.mark.parametrize(
    ("head", "sentence"), [("404 Not Found", "answered 404"), ("301 Moved\r\nLocation: /", "answered 301")]
)
async def test_an_address_without_postings_says_what_was_answered(
    settings: Settings, database: Database, head: str, sentence: str
) -> None:
    async with site({"/": (head, b"")}) as url:
        with pytest.raises(Invalid, match=sentence):
            await fetch(settings, database, url + "/")


async def test_an_address_inside_of_the_network_is_not_asked(settings: Settings, database: Database) -> None:
    public_only = msgspec.structs.replace(settings, allow_private_addresses=False)
    async with site({"/": ("200 OK", b"[]")}) as url:
        with pytest.raises(Invalid, match="private addresses are not allowed"):
            await fetch(public_only, database, url + "/")


async def let_a_minute_pass(database: Database) -> None:
    async with database.write("system") as session:
        await session.execute(text("UPDATE board_hosts SET asked_at = asked_at - interval '1 minute'"))


async def test_a_host_is_asked_once_a_minute_whoever_asks(database: Database) -> None:
    now = datetime(2026, 11, 29, 9, tzinfo=UTC)

    async def turn(reserve: bool = False, seconds: int = 0) -> int:
        async with database.write("system") as session:
            ask = queries.reserve_turn if reserve else queries.take_turn
            return await ask(session, "boards.example", now=now + timedelta(seconds=seconds))

    # Those who reserve a turn get one after the other; a person who waits at a form is told for how long.
    assert sorted(await asyncio.gather(*(turn(reserve=True) for _ in range(3)))) == [0, 60, 120]
    assert await turn(seconds=61) == 119
    assert await turn(seconds=180) == 0
    assert await turn(seconds=180) == 60


async def test_a_board_that_tells_a_part_of_its_postings_says_so(settings: Settings, database: Database) -> None:
    posting = {"id": "7", "name": "Thatcher", "company": {"identifier": "Reed", "name": "Reed & Co"}}
    async with site({"/": ("200 OK", msgspec.json.encode({"totalFound": 250, "content": [posting]}))}) as url:
        parsed = (await fetch(settings, database, url + "/")).parsed
    assert parsed.partial
    assert "250 postings" in parsed.warnings[0].message


async def test_the_form_takes_an_address(browser: Browser, database: Database) -> None:
    async with site({"/board": ("200 OK", (CASES / "recruitee.json").read_bytes())}) as url:
        sent = await browser.send_form("/postings/import", {"address": f"{url}/board"})
        assert "Recruitee offers" in words(await browser.get(sent.headers["location"]))
        await browser.send_form(sent.headers["location"])
        assert await count(database, "postings") == 1
        busy = await browser.send_form("/postings/import", {"address": f"{url}/none"})
        assert url.removeprefix("http://") in invalid(busy)["address"]
        await let_a_minute_pass(database)
        refused = await browser.send_form("/postings/import", {"address": f"{url}/none"})
    assert busy.status_code == refused.status_code == 422
    assert "answered 404" in words(refused)
    assert f'value="{url}/none"' in refused.text
