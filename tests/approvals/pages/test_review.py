"""The page behind a personal link, as phones and mail scanners see it."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import QuestionChanged
from holdgate.approvals.pages import review
from holdgate.approvals.requests import expiring, mails
from holdgate.approvals.rules.recipient_queries import recipients_of
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.tasks import service as tasks
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskVerb
from holdgate.web import zone
from tests.elements import alerts, elements, notices, texts
from tests.factories.approvals import TITLE, Asked, approval_of, principal, put_question
from tests.factories.people import words
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.factories.workers import task_of, until_state, working


@pytest.fixture
async def phone(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with site_of(settings, database, redis) as transport, stranger(transport) as client:
        yield client


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person reads before they press; a test need not."""
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)


async def filled(phone: httpx.AsyncClient, asked: Asked, **changes: str) -> dict[str, str]:
    """The form as the page shows it, with a decision."""
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    form = {name: hidden(page, name) for name in ("token", "version", "stamp")}
    return {**form, "answer.wish": "granted", "decision": "approve", "reason": "", **changes}


async def fresh(phone: httpx.AsyncClient, asked: Asked, **more: str) -> dict[str, str]:
    """The form of an expired link's page, with its yes."""
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    return {name: hidden(page, name) for name in ("token", "version", "stamp")} | {"confirm": "yes", **more}


async def everything(database: Database) -> tuple[object, ...]:
    """What would change if anything did."""
    digest = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
    tables = ("tasks", "approvals", "approval_recipients", "approval_links", "task_events")
    async with database.read() as session:
        return tuple([await session.scalar(text(digest.format(table))) for table in tables])


async def test_opening_the_link_ten_times_by_get_and_head_changes_nothing(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings)
    before = await everything(database)
    for _ in range(10):
        assert (await phone.get(f"/review/{asked.tokens[0]}")).status_code == 200
        answer = await phone.head(f"/review/{asked.tokens[0]}")
        assert (answer.status_code, answer.content) == (200, b"")
    assert await everything(database) == before


async def test_the_page_has_no_script_no_referrer_no_cache_and_nothing_preselected(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings)
    answer = await phone.get(f"/review/{asked.tokens[0]}")
    assert "<script" not in answer.text
    assert (
        "script-src" not in answer.headers["content-security-policy"]
        or "script-src 'none'" in answer.headers["content-security-policy"]
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in answer.headers["cache-control"]
    assert "noindex" in answer.headers["x-robots-tag"]
    assert " checked" not in answer.text


async def test_a_decision_by_link_is_taken_and_the_page_then_shows_the_outcome(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    answer = await phone.post("/review", data=await filled(phone, asked))
    assert answer.status_code == 303
    outcome = await phone.get(answer.headers["location"])
    assert words(outcome).count("Approved") == 1
    assert "owner@example.org" in words(outcome)
    assert "<form" not in outcome.text.split("<main", 1)[1].split("</main>")[0]
    assert (await task_of(database, asked.task_id)).state == "queued"
    approval = await approval_of(database, asked)
    assert approval.answer == {"wish": "granted"}
    assert str(approval.decided_from).startswith("link")


async def test_an_answer_quicker_than_a_person_is_refused_and_nothing_typed_is_lost(
    database: Database, settings: Settings, phone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 600.0)  # a loaded machine may be as slow as a person
    asked = await put_question(database, settings)
    form = await filled(phone, asked, **{"answer.wish": "typed by hand"})
    answer = await phone.post("/review", data=form)
    assert answer.status_code == 422
    assert alerts(answer)
    assert elements(answer, name="answer.wish", value="typed by hand")
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_a_forged_time_of_showing_is_refused(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    answer = await phone.post("/review", data=await filled(phone, asked, stamp="forged.stamp"))
    assert answer.status_code == 422
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"decision": ""}, "Choose a decision"),
        ({"decision": "cancel"}, "Choose a decision"),
        ({"decision": "answer"}, "Choose a decision"),
        ({"decision": "reject"}, "Enter a reason"),
    ],
)
async def test_an_incomplete_decision_is_refused_with_the_form(
    database: Database,
    settings: Settings,
    phone: httpx.AsyncClient,
    patient: None,
    changes: dict[str, str],
    sentence: str,
) -> None:
    asked = await put_question(database, settings)
    answer = await phone.post("/review", data=await filled(phone, asked, **changes))
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "granted" in answer.text
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_a_changed_question_is_shown_anew_instead_of_decided(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    form = await filled(phone, asked)
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET version = repeat('0', 64)"))
    answer = await phone.post("/review", data=form)
    assert answer.status_code == 409
    assert str(QuestionChanged()) in alerts(answer)
    assert hidden(answer.text, "version") == "0" * 64
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_the_later_of_two_is_told_who_decided(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings, recipients=("ann@example.org", "bob@example.org"))
    late = await filled(phone, asked, decision="reject", reason="Too dear.")
    second = Asked(asked.task_id, asked.approval_id, asked.version, asked.tokens[1:])
    assert (await phone.post("/review", data=await filled(phone, second))).status_code == 303
    answer = await phone.post("/review", data=late)
    assert answer.status_code == 409
    assert "bob@example.org" in alerts(answer)
    [kept] = texts(answer, "section", id="kept")
    assert "Too dear." in kept and "granted" in kept, "what was typed is there to be copied"
    assert not elements(answer, data_decide=True)


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "é" * 20, "a" * 3000])
async def test_an_unknown_link_is_a_404_without_a_hint(
    database: Database, settings: Settings, phone: httpx.AsyncClient, token: str
) -> None:
    await put_question(database, settings)
    answer = await phone.get(f"/review/{token}")
    assert answer.status_code in (404, 422)
    assert TITLE not in answer.text
    posted = await phone.post("/review", data={"token": token, "decision": "approve"})
    assert posted.status_code in (404, 422)


async def expire(database: Database, asked: Asked) -> None:
    deadline = (await approval_of(database, asked)).expires_at
    async with database.write("system") as session:
        await expiring.expire_due(session, now=deadline)


async def test_an_expired_link_offers_a_fresh_one_to_the_same_address_only(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    form = await filled(phone, asked)
    await expire(database, asked)
    late = await phone.post("/review", data=form)
    assert late.status_code == 410
    assert "granted" in late.text, "what was typed is lost"
    page = await phone.get(f"/review/{asked.tokens[0]}")
    assert page.status_code == 410
    assert elements(page, "form", action="/review/fresh")
    wanted = await fresh(phone, asked, to="eve@example.org")
    answer = await phone.post("/review/fresh", data=wanted)
    assert answer.status_code == 200
    assert "owner@example.org" in notices(answer)["fresh-link"]
    assert (await task_of(database, asked.task_id)).state == "queued"
    async with database.read() as session:
        asked_for = (await session.execute(select(TaskEvent).order_by(TaskEvent.id.desc()).limit(1))).scalar_one()
    assert (asked_for.verb, asked_for.actor) == ("resume", "recipient:owner@example.org")
    again = await phone.post("/review/fresh", data=wanted)
    assert again.status_code == 429
    assert int(again.headers["retry-after"]) > 0


async def test_a_fresh_link_for_an_open_question_is_another_mail_and_nothing_else(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    async with database.read() as session:
        before = await session.scalar(select(func.count()).where(Task.kind == "email.send")) or 0
    assert (await phone.post("/review/fresh", data=await fresh(phone, asked))).status_code == 200
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(Task.kind == "email.send")) == before + 1
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_a_cancelled_task_s_link_shows_the_outcome(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings)
    async with database.write("user:ann@example.org") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    page = await phone.get(f"/review/{asked.tokens[0]}")
    assert page.status_code == 200
    assert "Cancelled" in words(page)


async def test_two_presses_at_once_are_one_decision(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    form = await filled(phone, asked)
    answers = await asyncio.gather(*(phone.post("/review", data=form) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409, 409]
    async with database.read() as session:
        approvals = await session.scalar(select(func.count()).where(TaskEvent.verb == "approve"))
    assert approvals == 1


async def test_the_time_left_is_shown_from_the_delivery_on(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings)
    approval = await approval_of(database, asked)
    assert approval.expires_at is not None
    page = await phone.get(f"/review/{asked.tokens[0]}")
    assert approval.expires_at.strftime("%H:%M") in page.text
    assert approval.expires_at - approval.created_at < timedelta(minutes=21)


async def test_an_old_link_tells_what_became_of_the_question_put_again(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    old = await put_question(database, settings)
    await expire(database, old)
    await phone.post("/review/fresh", data=await fresh(phone, old))
    new = await put_question(database, settings, again=old.task_id)
    assert (await phone.post("/review", data=await filled(phone, new))).status_code == 303
    page = await phone.get(f"/review/{old.tokens[0]}")
    assert [each["data-outcome"] for each in elements(page, data_outcome=True)] == ["asked-again"]
    assert elements(page, "dd")[0].text == "Approved"


async def test_while_the_run_is_paused_both_pages_say_before_and_after_the_decision_that_the_task_waits_with_it(
    database: Database, settings: Settings, redis: Redis, phone: httpx.AsyncClient, patient: None
) -> None:
    ann = await principal(database)
    async with site_of(settings, database, redis) as transport, browser_of(transport, ann) as browser:
        for paused, verb, said in (
            (False, "approve", "The task is resuming."),
            (True, "approve", "Its run is paused: the task continues when the run resumes."),
            (True, "reject", "The task ends here."),
        ):
            asked = await put_question(database, settings, run_id=await a_run(database, paused=paused))
            path = f"/approvals/{asked.approval_id}"
            for page in (await browser.get(path), await phone.get(f"/review/{asked.tokens[0]}")):
                assert ("paused" in notices(page)) == paused
            version = hidden((await browser.get(path)).text, "version")
            form = {"version": version, "decision": verb, "reason": "so", "answer.wish": "x"}
            answer = await browser.send_form(f"{path}/decision", form, follow_redirects=True)
            assert said in unescape(answer.text)
            review = await phone.get(f"/review/{asked.tokens[0]}")
            assert ("paused" in notices(review)) == (paused and verb == "approve")
            async with database.write("system") as session:
                await session.execute(text("DELETE FROM tasks"))


async def a_run(database: Database, *, paused: bool) -> UUID:
    """Of one task, which is not the one that asks."""
    by = await principal(database)
    async with database.write(by.actor) as session:
        request = TaskRequest(kind="test.steps", payload={"name": "x"})
        run_id = await runs.start_run(session, by, "A run", [request])
    async with database.write(by.actor) as session:
        if paused:
            await runs.act(session, by, run_id, RunVerb.PAUSE)
    return run_id


async def test_a_question_that_nobody_could_be_told_about_is_undelivered_and_does_not_expire(
    database: Database, settings: Settings, redis: Redis
) -> None:
    admin = await principal(database, "admin@example.org", admin=True)
    gone = await principal(database, "gone@example.org")
    async with database.write("system") as session:
        task_id = await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}, owner_id=gone.id))
        await accounts.disable(session, gone.id)
    async with working(database, settings):
        await until_state(database, task_id, "pending_approval")
    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=datetime.now(UTC) + timedelta(days=30)) == 0
    async with site_of(settings, database, redis) as transport, browser_of(transport, admin) as browser:
        inbox = words(await browser.get("/approvals?show=all"))
        assert "Not delivered" in inbox
        assert "Sending…" not in inbox
        question = await browser.get(f"/tasks/{task_id}/question", follow_redirects=True)
    assert "undelivered" in notices(question)
    assert elements(question, data_decide=True)
    assert "gone@example.org (not delivered" in words(question)


async def test_a_refusal_tells_the_time_in_the_reader_s_zone_and_the_person_by_their_address(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings)
    form = await filled(phone, asked)
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        await tasks.act(session, owner, asked.task_id, TaskVerb.CANCEL)
    phone.cookies.set(zone.COOKIE, "Asia/Tokyo")
    refused = words(await phone.post("/review", data=form))
    assert re.search(r"Already cancelled by owner@example\.org at \d\d:\d\d:\d\d JST\.", refused), refused
    assert "user:" not in refused


async def test_the_page_of_a_disabled_persons_link_shows_and_takes_nothing(
    database: Database, settings: Settings, phone: httpx.AsyncClient, patient: None
) -> None:
    asked = await put_question(database, settings, recipients=("ann@example.org",))
    form = await filled(phone, asked)
    ann = await principal(database, "ann@example.org")
    async with database.write("system") as session:
        await accounts.disable(session, ann.id)
    token = asked.tokens[0]
    answers = [
        await phone.get(f"/review/{token}"),
        await phone.get(f"/review/{token}/receipt"),
        *[await phone.post(path, data=form) for path in ("/review", "/review/fresh", "/review/take-back")],
        await phone.post("/review/forward", data={**form, "to": "bob@example.org"}),
        await phone.post("/review/ask-back", data={**form, "question": "Why?"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 7
    assert all(TITLE not in answer.text for answer in answers)
    assert alerts(answers[0])
    assert (await approval_of(database, asked)).state == "pending"


async def test_page_and_mail_name_whoever_asks_by_their_address_besides_the_name_they_chose(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    asked = await put_question(database, settings, recipients=("ann@example.org",), deliver=False)
    async with database.write("system") as session:
        await session.execute(text("UPDATE users SET name = 'The Boss'"))
    async with database.read() as session:
        [person] = await recipients_of(session, [asked.approval_id])
    async with database.write("system") as session:
        values = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(person.id), settings)
    assert values["asker"] == "The Boss (owner@example.org)"
    page = await phone.get(f"/review/{values['url'].rsplit('/', 1)[1]}")
    assert "The Boss (owner@example.org)" in words(page)


@pytest.mark.parametrize("act", ["", "/fresh", "/take-back", "/forward", "/ask-back", "/withdraw"])
async def test_links_cannot_be_guessed_by_sending_forms(phone: httpx.AsyncClient, act: str) -> None:
    tries = range(review.LIMIT.most + 1)
    guesses = [(await phone.post(f"/review{act}", data={"token": "x" * 43})).status_code for _ in tries]
    assert guesses == [404] * review.LIMIT.most + [429]


async def test_times_are_written_in_the_zone_of_the_person_whose_link_it_is(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    """No script says where this browser is; the account does, unless the browser has said it elsewhere."""
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        email = (await recipients_of(session, [asked.approval_id]))[0].email
        await principal(database, email)
        await session.execute(
            text("UPDATE users SET time_zone = 'Asia/Kolkata' WHERE email = :email"), {"email": email}
        )
    page = await phone.get(f"/review/{asked.tokens[0]}")
    assert first_time(page) == first_time(page, "Asia/Kolkata")
    phone.cookies[zone.COOKIE] = "Europe/Berlin"
    page = await phone.get(f"/review/{asked.tokens[0]}")
    assert first_time(page) == first_time(page, "Europe/Berlin")


def first_time(page: httpx.Response, zone: str = "") -> str:
    """As it is written; or as it would be in a zone."""
    found = elements(page, "time")[0]
    return f"{datetime.fromisoformat(found['datetime']).astimezone(ZoneInfo(zone)):%H:%M}" if zone else found.text


async def test_who_must_sign_in_gets_the_link_by_one_press(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    """On a phone: that press, the email, its button, a choice and Submit: five taps."""
    asked = await put_question(database, settings, level="sign-in")
    page = await phone.get(f"/review/{asked.tokens[0]}")
    [form] = elements(page, "form", action="/login")
    assert form["method"] == "post"
    [email], [following] = elements(page, "input", name="email"), elements(page, "input", name="next")
    assert (email["type"], following["value"]) == ("hidden", f"/approvals/{asked.approval_id}")
    sent = {name: hidden(page.text, name) for name in ("_csrf_token", "email", "next")}
    answer = await phone.post("/login", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login/sent")
    async with database.read() as session:
        link = await session.execute(text("SELECT email, next_path FROM login_links"))
        assert tuple(link.one()) == (email["value"], following["value"])
