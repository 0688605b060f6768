"""`board.watch` against a real server: what is imported, refreshed, closed, and how often the board is asked."""

import json
from typing import Any

import pytest
from sqlalchemy import text, update

from holdgate.core.db import Database
from holdgate.postings.boards.watching import BoardWatch, wanted
from holdgate.postings.models import Posting
from holdgate.postings.queries import Search, list_postings, open_ones
from holdgate.testing import KindTester
from tests.factories.postings import row
from tests.kinds.odd_site import data, odd_site


def job(number: int, title: str = "Thatcher", **more: Any) -> dict[str, Any]:
    url = f"https://reed.example/open?gh_jid={number}"
    return {"id": number, "title": title, "absolute_url": url, "company_name": "Reed & Co", "content": "Straw.", **more}


def board(*jobs: dict[str, Any], etag: str = '"1"') -> str:
    return f"HTTP/1.1 200 OK\nContent-Type: application/json\nETag: {etag}\n\n{json.dumps({'jobs': jobs})}"


async def look(tester: KindTester, url: str, **filters: Any) -> dict[str, Any]:
    """One look of a new task of the same person."""
    ada = await tester.person("ada@example.org")
    task_id = await tester.enqueue("board.watch", {"address": url, **filters}, owner_id=ada)
    assert await tester.finish(task_id) == "succeeded", (await tester.task(task_id)).reason
    result: dict[str, Any] = await tester.result(task_id)
    return result


async def postings(database: Database, search: Search) -> list[str]:
    async with database.read() as session:
        return sorted(row.title for row in await list_postings(session, None, search, 100))


async def test_a_watch_imports_what_is_new_closes_what_has_gone_and_opens_what_is_back(
    tester: KindTester, database: Database
) -> None:
    unread = job(9) | {"title": ""}
    async with odd_site(
        board(job(1), job(2, "Hedger")),
        "HTTP/1.1 304 Not Modified\n\n",
        board(job(1, "Master thatcher"), job(3, "Dyker"), etag='"2"'),
        board(job(2, "Hedger"), unread, etag='"3"'),
    ) as site:
        first = await look(tester, site.url)
        assert [(each["title"], each["company"]) for each in first["postings"]] == [
            ("Thatcher", "Reed & Co"),
            ("Hedger", "Reed & Co"),
        ]
        assert (await look(tester, site.url))["unchanged"]
        third = await look(tester, site.url)
        assert (third["new"], third["refreshed"], third["closed"]) == (1, 1, 1)
        assert await postings(database, Search(closed=True)) == ["Hedger"]
        assert await postings(database, open_ones("")) == ["Dyker", "Master thatcher"]
        fourth = await look(tester, site.url)
    # One row can’t be read: it may be any of those that seem to have gone.
    assert (fourth["known"], fourth["closed"], fourth["unreadable"]) == (1, 0, 1)
    assert await postings(database, open_ones("")) == ["Dyker", "Hedger", "Master thatcher"]
    asked = ["if-none-match" in head.lower() and head.lower().split('if-none-match: "')[1][0] for head in site.heads]
    assert asked == [False, "1", "1", "2"]


async def test_what_was_applied_to_or_edited_keeps_its_text(tester: KindTester, database: Database) -> None:
    async with odd_site(board(job(1), job(2)), board(job(1, "New title"), job(2, "New title"), etag='"2"')) as site:
        await look(tester, site.url)
        async with database.write("system") as session:
            at = {"edited_at": text("now()")}, {"applied_at": text("now()")}
            for number, values in enumerate(at, 1):
                url = Posting.canonical_url == f"https://reed.example/open?gh_jid={number}"
                await session.execute(update(Posting).where(url).values(**values))
        assert (await look(tester, site.url))["refreshed"] == 0
    assert await postings(database, Search()) == ["Thatcher", "Thatcher"]


async def test_questions_that_are_known_outlast_an_answer_without_any(tester: KindTester, database: Database) -> None:
    asked = job(1, questions=[{"label": "Ladder?", "required": True, "fields": [{"name": "q1", "type": "input_text"}]}])
    async with odd_site(board(job(1)), board(asked, etag='"2"'), board(job(1, "Hedger"), etag='"3"')) as site:
        for _ in range(3):
            await look(tester, site.url)
    async with database.read() as session:
        [found] = (await session.execute(text("SELECT title, questions->0->>'label' FROM postings"))).all()
    assert tuple(found) == ("Hedger", "Ladder?")


async def test_an_address_that_answers_nothing_closes_one_posting_and_never_a_board(
    tester: KindTester, database: Database
) -> None:
    gone = data("", "404 Not Found")
    async with odd_site(board(job(1)), gone) as single, odd_site(board(job(2), job(3)), gone) as whole:
        await look(tester, single.url)
        assert (await look(tester, single.url))["closed"] == 1
        await look(tester, whole.url)
        task_id = await tester.enqueue("board.watch", {"address": whole.url}, owner_id=await tester.person())
        assert await tester.finish(task_id) == "dead_letter"
    assert "answered 404" in ((await tester.task(task_id)).reason or "")
    assert len(await postings(database, open_ones(""))) == 2


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({}, ["Cook", "SQL Analyst", "Gardener"]),
        ({"words": "sql, gard"}, ["SQL Analyst", "Gardener"]),
        ({"words": "analyst sql"}, ["SQL Analyst"]),
        ({"words": "ql"}, []),
        ({"words": "straw"}, ["Cook"]),
        ({"place": "leeds"}, ["Cook"]),
        ({"remote": True}, ["SQL Analyst"]),
        ({"place": "leeds, diss", "remote": True}, ["Cook", "SQL Analyst", "Gardener"]),
    ],
)
def test_filters_are_words_place_and_remote(filters: dict[str, Any], titles: list[str]) -> None:
    rows = [
        row(1, "Cook", location="Leeds", description="<p>Straw.</p>"),
        row(2, "SQL Analyst", location="Remote (UK)"),
        row(3, "Gardener", location="Diss"),
    ]
    watch = BoardWatch(address="x.example", **filters)
    assert [each.title for each in rows if wanted(each, watch)] == titles
