"""Everybody is told what they need to decide or to reply, and follows no link that is not theirs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import select

from holdgate.approvals.requests import clarifying, inbox, mails
from holdgate.approvals.requests.digest_mails import ApprovalDigest, DigestData
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.rules.models import Digest
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.mail.message import render
from holdgate.runs import service as runs
from holdgate.tasks.requests import TaskRequest
from tests.elements import alerts, elements, notices, texts
from tests.factories.approvals import (
    ANN,
    BOB,
    OWNER,
    approval_of,
    approve,
    by_link,
    key_of,
    letters,
    new_run,
    principal,
    put_question,
    put_session,
)
from tests.factories.site import browser_of, site_of


async def test_an_approver_reads_of_task_and_run_and_only_who_may_open_them_gets_links(
    database: Database, settings: Settings, redis: Redis
) -> None:
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        request = TaskRequest(kind="test.steps", payload={"name": "x"})
        run_id = await runs.start_run(session, owner, "Letters", [request])
    asked = await put_question(database, settings, recipients=(ANN,), run_id=run_id)
    async with site_of(settings, database, redis) as transport:
        for person, opens in ((await principal(database, ANN), False), (owner, True)):
            async with browser_of(transport, person) as browser:
                page = await browser.get(f"/approvals/{asked.approval_id}")
                facts = {each["data-fact"]: each.text for each in elements(page, "dd", data_fact=True)}
                assert (facts["run"], facts["asker"]) == ("Letters", OWNER)
                assert "test.asks" in facts["task"]
                for href in (f"/tasks/{asked.task_id}", f"/runs/{run_id}"):
                    assert bool(elements(page, "a", href=href)) is opens
                    assert (await browser.get(href)).status_code == (200 if opens else 404)
                if not opens:
                    [line] = texts(await browser.get("/approvals"), "span", data_fact="asker")
                    assert all(each in line for each in (OWNER, "Letters", "test.asks"))


async def in_mine(database: Database, person: Principal) -> list[UUID]:
    async with database.read() as session:
        return [row.approval.id for row in await inbox.inbox(session, person, "mine", limit=9)]


async def test_a_reply_that_is_awaited_comes_before_every_deadline(
    database: Database, settings: Settings, redis: Redis
) -> None:
    soon = await put_question(database, settings, recipients=(OWNER,), self_approval=True, ttl=timedelta(minutes=1))
    asked = await put_question(database, settings, recipients=(ANN,), ttl=timedelta(days=2))
    owner = await principal(database)
    assert await in_mine(database, owner) == [soon.approval_id]
    approval = await approval_of(database, asked)
    async with database.write("system") as session:
        [ann] = await recipient_queries.recipients_of(session, [approval.id])
        await clarifying.ask_back(session, approval, ann, "Which account?")
    assert await in_mine(database, owner) == [asked.approval_id, soon.approval_id]
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        [first, _] = elements(await browser.get("/approvals"), "tr", id=True)
        assert first["id"] == f"approval-{asked.approval_id}"
        assert elements(await browser.get(f"/approvals/{asked.approval_id}"), data_notice="reply-needed")
        assert "reply-needed" not in notices(await browser.get(f"/approvals/{soon.approval_id}"))
        needs = [each["id"] for each in elements(await browser.get("/overview"), "li", id=True)]
        assert needs[:2] == [f"need-question-{asked.approval_id}", f"need-question-{soon.approval_id}"]


async def test_every_email_of_a_request_names_who_asks_for_which_run_and_kind(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,), run_id=await new_run(database, "March letters"))
    approval, owner = await approval_of(database, asked), await principal(database)
    made: dict[str, dict[str, Any]] = {}
    async with database.write("system") as session:
        [ann] = await recipient_queries.recipients_of(session, [approval.id])
        made["approval_request"] = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(ann.id), settings)
        made["approval_reminder"] = await mails.ApprovalReminder().prepare(session, mails.AskedPerson(ann.id), settings)
        note = await clarifying.ask_back(session, approval, ann, "Which account?")
        made["question_back"] = await mails.QuestionBack().prepare(session, mails.ClarificationData(note), settings)
    async with database.write(owner.actor) as session:
        await clarifying.answer_back(session, owner, approval.id, note, "The second.")
        answered = mails.Answered(recipient_id=ann.id, note_id=note)
        made["question_answered"] = await mails.QuestionAnswered().prepare(session, answered, settings)
    await put_session(database, settings, 2, run=True)
    async with database.write("system") as session:
        newest = select(Digest.id).order_by(Digest.created_at.desc()).limit(1)
        digest = DigestData((await session.execute(newest)).scalar_one())
        made["approval_digest"] = await ApprovalDigest().prepare(session, digest, settings)
    for template, values in made.items():
        message = render(template, values, to=ANN, task_id=uuid7(), settings=settings)
        asker, run = (ANN, "March letters") if template == "question_back" else (OWNER, "etters")
        for part in ("plain", "html"):
            body = message.get_body((part,))
            assert body is not None
            text = str(body.get_content())
            assert [word for word in (asker, run, "test.asks") if word not in text] == [], (template, part)


async def test_a_group_of_requests_leads_to_its_run_only_whom_it_belongs_to(
    database: Database, settings: Settings, redis: Redis
) -> None:
    run_id = await new_run(database)
    asked = await letters(database, settings, 2, run_id, recipients=(ANN,))
    group = f"/approvals/group/{await key_of(database, asked[0])}"
    admin = await principal(database, "root@example.org", admin=True)
    async with site_of(settings, database, redis) as transport:
        for person, opens in ((await principal(database, ANN), False), (admin, True)):
            async with browser_of(transport, person) as browser:
                assert bool(elements(await browser.get(group), "a", href=f"/runs/{run_id}")) is opens
                assert (await browser.get(f"/runs/{run_id}")).status_code == (200 if opens else 404)


async def test_what_was_typed_into_a_request_that_somebody_else_decided_is_shown_to_be_copied(
    database: Database, settings: Settings, redis: Redis
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    await by_link(database, asked, 1, approve(asked))
    sent = {"version": asked.version, "decision": "reject", "reason": "Too dear.", "answer.wish": "cheaper"}
    person = await principal(database, ANN)
    async with site_of(settings, database, redis) as transport, browser_of(transport, person) as ann:
        refused = await ann.send_form(f"/approvals/{asked.approval_id}/decision", sent)
        assert refused.status_code == 409 and BOB in alerts(refused)
        [kept] = texts(refused, "section", id="kept")
        assert "Too dear." in kept and "cheaper" in kept
        assert not elements(refused, data_decide=True)
        part = {"HX-Request": "true", "HX-Target": "standing"}
        now = await ann.get(f"/approvals/{asked.approval_id}", headers=part)
        assert BOB in notices(now)["decided-meanwhile"]
