"""Quorum, passing on, asking back and signing in on the pages, without any script."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

from holdgate.accounts.mails import SignInData, SignInLetter
from holdgate.accounts.pages import sign_in as account_views
from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.approvals.pages import review, side_actions
from holdgate.asgi import HANDLERS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.web.form_time import FormTime
from holdgate.web.http.limits import Limit
from holdgate.web.site import make_site
from tests.elements import alerts, elements, invalid, notices, texts
from tests.factories.accounts import Browser as SessionBrowser
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    OWNER,
    THREE,
    TITLE,
    Asked,
    approval_of,
    delivered,
    notes_of,
    principal,
    put_question,
    recipients_of,
)
from tests.factories.people import words
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.factories.workers import task_of


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as transport:
        yield transport


@pytest.fixture
async def phone(site: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    async with stranger(site) as client:
        yield client


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)


async def send(phone: httpx.AsyncClient, asked: Asked, path: str, *, place: int = 0, **values: str) -> httpx.Response:
    """A form of the link's page, with what it hides."""
    page = (await phone.get(f"/review/{asked.tokens[place]}")).text
    kept = {name: hidden(page, name) for name in ("token", "stamp", "version")}
    return await phone.post(path, data={"confirm": "yes", "answer.wish": "as it is", **kept, **values})


async def page_of(phone: httpx.AsyncClient, asked: Asked, place: int = 0) -> httpx.Response:
    return await phone.get(f"/review/{asked.tokens[place]}")


def facts(page: httpx.Response) -> dict[str, list[str]]:
    """How far it is: the numbers and the addresses."""
    return {each["data-fact"]: re.findall(r"\d+|[\w.]+@[\w.]+\w", each.text) for each in elements(page, data_fact=True)}


async def facts_of(phone: httpx.AsyncClient, asked: Asked, place: int = 0) -> dict[str, list[str]]:
    return facts(await page_of(phone, asked, place))


async def may_decide(phone: httpx.AsyncClient, asked: Asked, place: int = 0) -> bool:
    return "data-decide" in (await phone.get(f"/review/{asked.tokens[place]}")).text


async def test_the_link_s_page_tells_who_has_approved_and_who_is_still_asked(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    shown = await facts_of(phone, asked)
    assert (shown["agreed"], shown["still-asked"]) == (["0", "2"], [*THREE])
    assert (await send(phone, asked, "/review", decision="approve")).status_code == 303
    assert "1" in notices(await page_of(phone, asked))["voted"]
    assert not await may_decide(phone, asked)
    shown = await facts_of(phone, asked, 1)
    assert (shown["agreed"], shown["still-asked"]) == (["1", "2", ANN], [BOB, CID])
    assert await may_decide(phone, asked, 1)
    assert (await send(phone, asked, "/review", place=1, decision="approve")).status_code == 303
    assert (await facts_of(phone, asked, 2))["agreed"] == ["2", "2", ANN, BOB]
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_a_second_press_after_one_s_own_vote_says_that_it_counts_once(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    form = {name: hidden(page, name) for name in ("token", "stamp", "version")}
    form |= {"decision": "approve", "answer.wish": "as it is"}
    assert (await phone.post("/review", data=form)).status_code == 303
    again = await phone.post("/review", data=form)
    assert again.status_code == 409
    assert alerts(again)
    assert "1" in notices(again)["voted"]


async def test_the_inbox_tells_how_far_it_is_and_what_one_has_done(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    ann, bob = await principal(database, ANN), await principal(database, BOB)
    async with browser_of(site, ann) as browser:
        path = f"/approvals/{asked.approval_id}"
        sent = {"version": asked.version, "decision": "approve", "answer.wish": "as it is"}
        decided = await browser.send_form(f"{path}/decision", sent)
        assert decided.headers["location"] == path
        assert "1" in notices(await browser.get(path))["voted"]
        assert TITLE not in words(await browser.get("/approvals")), "it waits for others now"
        listed = await browser.get("/approvals?show=all")
        assert facts(listed)["agreed"] == ["1", "2", ANN]
        assert facts(listed)["voted"] == ["1"]
        assert waiting_badge(await browser.get("/approvals")) == 0
    async with browser_of(site, bob) as browser:
        assert waiting_badge(await browser.get("/approvals")) == 1
        assert "voted" not in facts(await browser.get("/approvals"))
        trail = words(await browser.get(f"/approvals/{asked.approval_id}"))
        assert "Timeline" in trail
        assert f"Approved just now {ANN}" in trail


def waiting_badge(page: httpx.Response) -> int:
    """The number beside “Approvals” in the navigation."""
    found = re.search(r'(?s)href="/approvals".*?</a>', page.text)
    assert found
    number = re.search(r">\s*(\d+)\s*<", found[0])
    return int(number[1]) if number else 0


async def test_a_question_is_passed_on_by_the_link_s_page_and_the_link_then_says_to_whom(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    refused = await send(phone, asked, "/review/forward", to="nobody", note="typed by hand")
    assert refused.status_code == 422
    assert "to" in invalid(refused)
    assert elements(refused, "input", name="note", value="typed by hand")
    assert (await send(phone, asked, "/review/forward", to="dan@example.org", note="Yours")).status_code == 303
    assert "dan@example.org" in notices(await page_of(phone, asked))["delegated"]
    assert not await may_decide(phone, asked)
    late = await phone.post(
        "/review", data={**await stamped(phone, settings, database), "token": asked.tokens[0], "decision": "approve"}
    )
    assert late.status_code in (409, 422)
    [ann, dan] = await recipients_of(database, asked)
    assert dan.forwarded_from == ann.id
    asked.tokens = [await delivered(database, settings, dan.id)]
    assert (await send(phone, asked, "/review", decision="approve")).status_code == 303
    assert (await approval_of(database, asked)).decided_by == "dan@example.org"


async def stamped(phone: httpx.AsyncClient, settings: Settings, database: Database) -> dict[str, str]:
    other = await put_question(database, settings)
    page = (await phone.get(f"/review/{other.tokens[0]}")).text
    return {"stamp": hidden(page, "stamp"), "version": other.version}


async def test_in_production_the_page_says_the_same_whether_a_colleague_has_been_let_in_or_not(
    database: Database, settings: Settings, phone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_actions, "signup", lambda _request: settings.signup)
    bob = (await principal(database, "bob@example.org")).email
    pages = []
    for to in ("stranger@example.org", bob):
        asked = await put_question(database, settings, recipients=(ANN,))
        answer = await send(phone, asked, "/review/forward", to=to)
        assert answer.status_code == 303
        page = await phone.get(answer.headers["location"])
        pages.append(re.sub(r"\d+ min left|until [^N]+UTC", "TIME", words(page).replace(to, "SOMEBODY")))
    assert pages[0] == pages[1]


async def test_passing_on_again_and_again_is_limited(
    database: Database, settings: Settings, phone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Limit("approval-detour", 2, side_actions.DETOURS.window)
    monkeypatch.setattr(side_actions, "DETOURS", short)
    asked = await put_question(database, settings, recipients=(ANN,))
    codes = [(await send(phone, asked, "/review/forward", to="nobody")).status_code for _ in range(3)]
    assert codes == [422, 422, 429]


async def test_asking_back_by_link_stops_the_clock_and_everybody_sees_question_and_answer(
    database: Database, settings: Settings, site: httpx.ASGITransport, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    empty = await send(phone, asked, "/review/ask-back", question=" ")
    assert empty.status_code == 422
    assert "question" in invalid(empty)
    assert (await send(phone, asked, "/review/ask-back", question="Which\naccount?")).status_code == 303
    assert (await approval_of(database, asked)).expires_at is None
    for place in (0, 1):
        page = await page_of(phone, asked, place)
        [notes] = texts(page, "section", id="notes")
        assert ANN in notes
        assert "Which account?" in notes
        assert not elements(page, "time", data_countdown=True), "the clock stands still"
        assert bool(elements(page, "form", action="/review/withdraw")) is (place == 0)
    async with browser_of(site, await principal(database)) as owner:
        path = f"/approvals/{asked.approval_id}"
        assert waiting_badge(await owner.get("/approvals")) == 1
        asking = await owner.get(path)
        assert elements(asking, "textarea", name="answer")
        note_id = hidden(asking.text, "note_id")
        refused = await owner.send_form(f"{path}/answer-back", {"note_id": note_id, "answer": " "})
        assert refused.status_code == 422
        done = await owner.send_form(f"{path}/answer-back", {"note_id": note_id, "answer": "The second."})
        assert done.status_code == 303
        late = await owner.send_form(f"{path}/answer-back", {"note_id": note_id, "answer": "The third."})
        assert late.status_code == 409
        trail = words(await owner.get(path))
        assert "Clarification requested" in trail
        assert "Owner replied" in trail
    shown = await page_of(phone, asked, 1)
    [notes] = texts(shown, "section", id="notes")
    assert OWNER in notes
    assert "The second." in notes
    assert elements(shown, "time", data_countdown=True)
    assert (await approval_of(database, asked)).expires_at is not None


async def test_a_question_to_the_owner_can_be_withdrawn_by_who_asked_only(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    await send(phone, asked, "/review/ask-back", question="Why?")
    [note] = await notes_of(database, asked)
    other = await send(phone, asked, "/review/withdraw", place=1, note_id=str(note.id))
    assert other.status_code == 403
    assert (await send(phone, asked, "/review/withdraw", note_id="nonsense")).status_code == 404
    assert (await send(phone, asked, "/review/withdraw", note_id=str(note.id))).status_code == 303
    assert "Withdrawn" in texts(await page_of(phone, asked), "section", id="notes")[0]


async def test_signed_in_people_pass_on_and_ask_back_in_the_inbox(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    path = f"/approvals/{asked.approval_id}"
    async with browser_of(site, await principal(database, ANN)) as ann:
        assert (await ann.send_form(f"{path}/ask-back", {"question": "Why?"})).status_code == 303
        note_id = hidden((await ann.get(path)).text, "note_id")
        assert (await ann.send_form(f"{path}/withdraw", {"note_id": note_id})).status_code == 303
        refused = await ann.send_form(f"{path}/forward", {"to": ANN})
        assert (refused.status_code, list(invalid(refused))) == (422, ["to"])
        assert (await ann.send_form(f"{path}/forward", {"to": BOB})).status_code == 303
        assert BOB in notices(await ann.get(path))["delegated"]
        assert BOB in facts(await ann.get("/approvals?show=all"))["delegated"]
    async with browser_of(site, await principal(database, "eve@example.org")) as eve:
        for verb in ("forward", "ask-back", "withdraw", "answer-back", "decision"):
            answer = await eve.send_form(f"{path}/{verb}", {"to": BOB, "note_id": str(UUID(int=0)), "question": "?"})
            assert answer.status_code in (404, 422), verb
            assert TITLE not in answer.text
    async with browser_of(site, await principal(database)) as owner:
        assert "data-decide" not in (await owner.get(path)).text, "who was not asked is not offered to decide"
        assert (await owner.send_form(f"{path}/forward", {"to": CID})).status_code == 403


async def test_who_started_it_sees_that_somebody_else_decides(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings, recipients=(OWNER,), self_approval=False)
    async with browser_of(site, await principal(database, admin=True)) as owner:
        path = f"/approvals/{asked.approval_id}"
        page = await owner.get(path)
        assert set(notices(page)) == {"barred", "undelivered"}
        assert f"{OWNER} (not delivered" in words(page)
        assert not elements(page, data_decide=True)
        posted = await owner.send_form(
            f"{path}/decision", {"version": asked.version, "decision": "approve", "answer.wish": "x"}
        )
        assert posted.status_code == 403
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_at_level_sign_in_the_link_leads_through_signing_in_to_the_question(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_views, "ANSWER_AFTER", 0.0)
    asked = await put_question(database, settings, recipients=(OWNER,), level="sign-in")
    shield, _ = make_site(settings, database, HANDLERS, authenticate=session_middleware, redis=redis)
    transport = httpx.ASGITransport(shield)
    async with httpx.AsyncClient(transport=transport, base_url=settings.base_url, timeout=30) as client:
        browser = SessionBrowser(client)
        link = f"/review/{asked.tokens[0]}"
        page = await browser.get(link)
        assert TITLE not in page.text
        assert OWNER in words(page)
        assert "<script" not in page.text
        to_login = re.search(r'href="(/login\?next=[^"]+)"', page.text)
        assert to_login
        assert asked.tokens[0] not in to_login[1]
        assert hidden((await browser.get(to_login[1])).text, "next") == f"/approvals/{asked.approval_id}"
        await browser.post("/login", {"email": OWNER, "next": f"/approvals/{asked.approval_id}"})
        async with database.write("system") as session:
            assert await session.scalar(text("SELECT next_path FROM login_links")) == f"/approvals/{asked.approval_id}"
            found = select(Task.payload).where(Task.kind == "email.send", Task.payload["template"].astext == "sign_in")
            data = msgspec.convert((await session.scalars(found)).one()["data"], SignInData)
            mailed = await SignInLetter().prepare(session, data, settings)
        done = await browser.press(mailed["url"].rsplit("/", 1)[1])
        assert done.headers["location"] == f"/approvals/{asked.approval_id}"
        question = await browser.get(done.headers["location"])
        assert TITLE in question.text
        assert (await client.get(link)).headers["location"] == f"/approvals/{asked.approval_id}"
        decided = await browser.post(
            f"/approvals/{asked.approval_id}/decision",
            {"version": asked.version, "answer.wish": "granted", "decision": "approve"},
        )
        assert decided.status_code == 303
    approval = await approval_of(database, asked)
    assert (approval.state, str(approval.decided_from)[:9]) == ("approved", "signed in")


async def test_at_level_sign_in_the_link_alone_neither_shows_nor_decides(
    database: Database, settings: Settings, site: httpx.ASGITransport, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=(OWNER,), level="sign-in")
    [person] = await recipients_of(database, asked)
    async with database.read() as session:  # the page has none to send
        stamp = await FormTime(settings.secret_keys, f"review:{person.id}:{asked.version}").stamp(session)
    form = {"token": asked.tokens[0], "stamp": stamp, "version": asked.version, "decision": "approve", "confirm": "yes"}
    posts = {"/review": form, "/review/forward": {**form, "to": BOB}, "/review/ask-back": {**form, "question": "Why?"}}
    for path, data in posts.items():
        answer = await phone.post(path, data=data)
        assert answer.status_code == 403, path
        assert TITLE not in answer.text
    async with browser_of(site, await principal(database, ANN)) as other:
        page = await other.get(f"/review/{asked.tokens[0]}")
        assert TITLE not in page.text
        assert ANN in words(page)
        assert elements(page, "form", action="/logout")
        assert (await other.get(f"/approvals/{asked.approval_id}")).status_code == 404
    assert (await task_of(database, asked.task_id)).state == "pending_approval"
