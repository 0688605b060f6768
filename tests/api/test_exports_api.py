"""Lists as files for programs: the same bytes as from the page, by the filters of the list, and one's own only."""

import csv
import io
from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.audit import queries
from tests.factories.approvals import decided, put_question
from tests.factories.postings import make_postings, row
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, Api, is_problem
from tests.factories.site import browser_of, site_of

FORMULA = '=HYPERLINK("http://evil.example","x")'


async def test_every_list_is_the_file_that_its_page_gives_and_nobody_else_s(api: Api, redis: Redis) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    for name in ("First", FORMULA):
        await program.post(f"{V1}/runs", json={"name": name, "tasks": [{"kind": "sample.task"}] * 2})
    await make_postings(api.database, owner, row(1, "Typesetter"), row(2, FORMULA))
    await put_question(api.database, api.settings, recipients=(OWNER,))
    await decided(api.database, api.settings)
    root = await api.program(ADMIN, ALL, admin=True)
    other = await api.program(OTHER)
    async with site_of(api.settings, api.database, redis) as site, browser_of(site, owner) as browser:
        for path, rows in (
            ("/runs/export", 2),
            ("/postings/export", 2),
            ("/postings/export?q=types", 1),
            ("/approvals/export", 1),
            ("/approvals/export?show=all", 1),
            ("/approvals/export?show=decided", 1),
        ):
            name, _, query = path.partition("?")
            for ending, media in (("csv", "text/csv; charset=utf-8"), ("json", "application/json")):
                sent = await program.get(f"{V1}{name}.{ending}?{query}")
                assert sent.status_code == 200, sent.text
                assert sent.headers["content-type"] == media
                assert sent.headers["content-disposition"].endswith(f'.{ending}"')
                assert sent.content == (await browser.get(f"{name}.{ending}?{query}")).content
                assert len(cells(sent) if ending == "csv" else sent.json()) == rows
                theirs = await other.get(f"{V1}{name}.{ending}?{query}")
                assert (cells(theirs) if ending == "csv" else theirs.json()) == []
    assert "'" + FORMULA in {each["name"] for each in cells(await program.get(f"{V1}/runs/export.csv"))}
    assert len((await root.get(f"{V1}/runs/export.json")).json()) == 2
    started = (await root.get(f"{V1}/audit/export.json", params={"area": "run"})).json()
    assert [(each["verb"], each["actor"]) for each in started] == [("started", f"user:{OWNER}")] * 2
    assert [each["verb"] for each in cells(await root.get(f"{V1}/audit/export.csv?area=run"))] == ["started"] * 2


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("runs/export.csv?state=active", "state"),
        ("runs/export.csv?limit=5", "limit"),
        ("approvals/export.json?show=nonsense", "show"),
        ("postings/export.csv?cursor=x", "cursor"),
        ("audit/export.json?area=weather", "area"),
        ("audit/export.csv?since=yesteryear", "since"),
    ],
)
async def test_a_filter_that_does_not_fit_gives_no_file(api: Api, query: str, parameter: str) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    refused = is_problem(await root.get(f"{V1}/{query}"), 422)
    assert [each["parameter"] for each in refused["errors"]] == [parameter]


async def test_what_takes_too_long_to_find_is_refused_and_no_file_that_breaks_off(
    api: Api, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    monkeypatch.setattr(queries, "LIMIT", timedelta(milliseconds=100))
    async with api.database.write("system") as session, site_of(api.settings, api.database, redis) as site:
        await session.execute(text("LOCK TABLE run_events IN ACCESS EXCLUSIVE MODE"))
        is_problem(await root.get(f"{V1}/audit/export.csv"), 422)
        async with browser_of(site, await api.person(ADMIN, admin=True)) as browser:
            assert (await browser.get("/admin/audit/export.json")).status_code == 422


def cells(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
