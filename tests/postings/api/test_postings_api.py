"""Imports and likely duplicates for programs: all that the pages can."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.postings import count, runs
from tests.factories.programs import V1, api_of, is_problem

FILE = {"Content-Type": "application/octet-stream"}
UNKNOWN = "Was,Wo,Netz\nReetdachdecker,Ried,https://ried.example/1\nKöhler,Meiler,https://meiler.example/1\n"
COLUMNS = {"Was": "title", "Wo": "company", "Netz": "url"}


@pytest.fixture
async def program(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    roomy = msgspec.structs.replace(settings, rate_limit_max=100_000)
    async with api_of(roomy, database, redis) as made:
        yield await made.program()


async def test_an_import_is_previewed_read_another_way_and_confirmed(
    program: httpx.AsyncClient, database: Database
) -> None:
    sent = await program.post(f"{V1}/postings/imports", content=UNKNOWN.encode("cp1252"), headers=FILE)
    made = sent.json()
    assert (sent.status_code, made["new_count"], [each["name"] for each in made["columns"]]) == (201, 0, list(COLUMNS))
    wrong = await program.post(f"{made['url']}/read", json={"columns": {"Was": "job"}})
    assert is_problem(wrong, 422)["errors"][0]["pointer"] == "#/columns"

    read = (await program.post(f"{made['url']}/read", json={"columns": COLUMNS, "remember": True})).json()
    assert [(each["title"], each["row"]) for each in read["new"]] == [("Reetdachdecker", 2), ("Köhler", 3)]
    assert read["by_channel"] == {"by_hand": 2}
    cyrillic = (await program.post(f"{made['url']}/read", json={"columns": COLUMNS, "encoding": "windows-1251"})).json()
    assert cyrillic["new"][1]["title"] != "Köhler" and cyrillic["encoding"] == "windows-1251"
    assert await count(database, "postings") == 0

    done = await program.post(f"{made['url']}/confirm", json={})
    assert (done.json()["new"], await count(database, "postings")) == (2, 2)
    assert is_problem(await program.post(f"{made['url']}/confirm", json={}), 409)
    again = await program.post(f"{V1}/postings/imports", content=UNKNOWN.encode("cp1252"), headers=FILE)
    assert again.json()["known_count"] == 2, "its header is remembered"


async def test_a_previewed_import_names_its_errors_has_pages_and_starts_a_run_or_is_discarded(
    program: httpx.AsyncClient, database: Database
) -> None:
    rows = "".join(f"Clerk {n},Harrow,https://harrow.example/{n}\n" for n in range(201))
    csv = f"title,company,url\n{rows},Harrow,https://harrow.example/x\n"
    made = (await program.post(f"{V1}/postings/imports", content=csv, headers={"Content-Type": "text/csv"})).json()
    assert (made["pages"], made["new_count"], made["invalid_rows"]) == (2, 201, 1)
    assert (made["errors"][0]["row"], made["errors"][0]["column"]) == (203, "title")
    last = (await program.get(f"{made['url']}?page=2")).json()
    assert [each["title"] for each in last["new"]] == ["Clerk 200"]

    assert is_problem(await program.post(f"{made['url']}/start", json={"name": "Monday"}), 422)
    started = await program.post(f"{made['url']}/start", json={"name": "Monday", "leave_out_errors": True})
    assert (started.status_code, started.json()["tasks"]) == (201, 201)
    assert [(name, number) for _, name, number in await runs(database)] == [("Monday", 201)]

    other = (await program.post(f"{V1}/postings/imports", content=csv, headers={"Content-Type": "text/csv"})).json()
    assert (await program.post(f"{other['url']}/discard")).status_code == 200
    assert (await program.get(other["url"])).status_code == 404


async def test_likely_duplicates_are_listed_made_one_and_taken_apart(program: httpx.AsyncClient) -> None:
    job = {"title": "Thatcher", "company": "Reed & Co", "location": "Diss"}
    ids = []
    for url in ("https://linkedin.com/jobs/view/4012345678", "https://reed.example/1"):
        ids.append((await program.post(f"{V1}/postings", json={**job, "url": url})).json()["id"])
    board, site = ids
    found = (await program.get(f"{V1}/postings?likely_same=true")).json()["items"]
    assert {each["id"] for each in found} == {board, site}
    [likely] = (await program.get(f"{V1}/postings/{board}")).json()["likely_same"]
    assert likely["id"] == site

    kept = (await program.post(f"{V1}/postings/{board}/same", json={"posting": site})).json()["id"]
    other = site if kept == board else board
    for id in ids:
        one = (await program.get(f"{V1}/postings/{id}")).json()
        assert (one["id"], [each["id"] for each in one["addresses"]], one["likely_same"]) == (kept, [other], [])
    again = await program.post(f"{V1}/postings", json={**job, "url": "https://linkedin.com/jobs/view/4012345678"})
    assert (again.json()["id"], again.json()["known"]) == (kept, True)
    assert (await program.post(f"{V1}/postings/applied", json={"postings": ids})).json()["marked"] == 1
    assert (await program.post(f"{V1}/postings/{other}/not-applied")).status_code == 200

    assert (await program.post(f"{V1}/postings/{kept}/separate", json={"posting": other})).status_code == 200
    assert len((await program.get(f"{V1}/postings")).json()["items"]) == 2
    assert (await program.get(f"{V1}/postings?likely_same=true")).json()["items"] == []
    assert (await program.post(f"{V1}/postings/{kept}/different", json={"posting": other})).status_code == 200
