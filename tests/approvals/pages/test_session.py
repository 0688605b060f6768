"""The review session behind a digest's link: one request after the other, without a script or an account."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.pages import review
from holdgate.approvals.requests import deciding
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.elements import elements
from tests.factories.approvals import (
    ANN,
    agree,
    approval_of,
    principal,
    put_session,
    recipients_of,
)
from tests.factories.people import words
from tests.factories.site import hidden, site_of, stranger


@pytest.fixture
async def phone(
    settings: Settings, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    async with site_of(settings, database, redis) as transport, stranger(transport) as client:
        yield client


def form_of(page: str, **changes: str) -> dict[str, str]:
    return {name: hidden(page, name) for name in ("token", "version", "stamp")} | {
        "decision": "approve",
        "answer.wish": "granted",
        **changes,
    }


async def followed(phone: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 303, words(answer)
    return await phone.get(answer.headers["location"])


def place(page: httpx.Response) -> str:
    found = re.search(r"(\d+) of (\d+)", words(page))
    return found[0] if found else ""


async def test_one_after_the_other_is_decided_with_a_form_a_version_and_a_receipt_of_its_own(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 6, at_once=4)
    page = await phone.get(f"/review/session/{token}")
    for i, one in enumerate(requests):
        assert place(page) == f"{i + 1} of 6"
        assert hidden(page.text, "version") == one.version
        page = await followed(
            phone, await phone.post("/review", data=form_of(page.text, **{"answer.wish": f"no. {i}"}))
        )
    assert "<form" not in page.text.split("<main", 1)[1].split("</main>")[0]
    for i, one in enumerate(requests):
        approval = await approval_of(database, one)
        assert (approval.state, approval.answer) == ("approved", {"wish": f"no. {i}"})
        [person] = await recipients_of(database, one)
        assert person.state == ("sent" if i < 4 else "shown")
        link = f"/review/{token}~{person.id.hex}"
        assert f'href="{link}"' in page.text
        assert (await phone.get(f"{link}/receipt.json")).json()["receipt"]["version"] == one.version


async def test_leaving_and_coming_back_goes_on_and_one_can_be_left_for_later(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 3)
    first = await phone.get(f"/review/session/{token}")
    [following] = re.findall(r'rel="next" accesskey="n" href="([^"]+)"', first.text)
    second = await phone.get(following)
    assert (place(first), place(second)) == ("1 of 3", "2 of 3")
    [before] = re.findall(r'rel="prev" accesskey="p" href="([^"]+)"', second.text)
    assert place(await phone.get(before)) == "1 of 3"
    await followed(phone, await phone.post("/review", data=form_of(second.text)))
    again = await phone.get(f"/review/session/{token}")
    assert place(again) == "1 of 3"
    [progress] = elements(again, "progress")
    assert (progress["value"], progress["max"]) == ("1", "3")
    assert (await approval_of(database, requests[1])).state == "approved"
    decided = await phone.get(following)
    assert "Approved" in words(decided)
    assert f'href="/review/session/{token}"' in decided.text


async def test_its_pages_are_as_private_as_those_of_every_link(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 2, run=True)
    key = (await approval_of(database, requests[0])).alike
    for path in (f"/review/session/{token}", f"/review/session/{token}/together/{key}"):
        page = await phone.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert " checked" not in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "no-store" in page.headers["cache-control"]
        assert "noindex" in page.headers["x-robots-tag"]


async def test_a_decision_that_is_refused_keeps_what_was_typed_and_its_place(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 2)
    page = await phone.get(f"/review/session/{token}")
    refused = await phone.post("/review", data=form_of(page.text, decision="reject", **{"answer.wish": "by hand"}))
    assert (refused.status_code, place(refused)) == (422, "1 of 2")
    assert "by hand" in refused.text
    boss = await principal(database, "boss@example.org", admin=True)
    async with database.write(boss.actor) as session:
        await deciding.decide_signed_in(session, boss, requests[0].approval_id, agree(requests[0]), source="")
    late = await phone.post("/review", data=form_of(page.text))
    assert late.status_code == 409
    assert "boss" in words(late)


async def test_those_alike_are_decided_together_each_for_itself(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 4, run=True)
    page = await phone.get(f"/review/session/{token}")
    [path] = re.findall(r'href="(/review/session/[^"]+/together/[0-9a-f]+)"', page.text)
    together = await phone.get(path)
    form = {name: hidden(together.text, name) for name in ("token", "stamp", "key")}
    chosen = [f"{one.approval_id}:{one.version}" for one in requests[:2]]
    for wrong in ({}, {"decision": "later"}, {"decision": "approve", "leave_empty": "1"}, {"decision": "reject"}):
        refused = await phone.post("/review/together", data={**form, "item": chosen, **wrong})
        assert refused.status_code == 422, wrong
    page = await followed(
        phone, await phone.post("/review/together", data={**form, "item": chosen, "decision": "approve"})
    )
    assert place(page) == "3 of 4"
    assert [(await approval_of(database, one)).state for one in requests] == ["approved"] * 2 + ["pending"] * 2
    again = await phone.post("/review/together", data={**form, "item": chosen, "decision": "reject", "reason": "no"})
    assert again.status_code == 409


async def test_a_link_nobody_has_and_one_of_somebody_whose_access_has_ended(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 2)
    [person] = await recipients_of(database, requests[0])
    for path in ("session/nobody", f"nobody~{person.id.hex}", f"{token}~{UUID(int=0).hex}", f"{token}~x", token):
        assert (await phone.get(f"/review/{path}")).status_code == 404, path
    ann = await principal(database, ANN)
    async with database.write("system") as session:
        await session.execute(text("UPDATE users SET disabled_at = now() WHERE id = :id"), {"id": ann.id})
    for path in (f"session/{token}", f"{token}~{person.id.hex}"):
        assert (await phone.get(f"/review/{path}")).status_code == 403, path


async def test_what_only_who_signs_in_may_see_is_not_shown(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    requests, token = await put_session(database, settings, 2, level="sign-in", title="A secret")
    page = await phone.get(f"/review/session/{token}")
    assert "A secret" not in page.text
    assert {form["action"] for form in elements(page, "form", action=True)} <= {"/login"}
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    over = await phone.get(f"/review/session/{token}")
    assert "A secret" not in over.text
    assert requests
