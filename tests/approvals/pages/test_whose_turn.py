"""Everybody is told what they need to decide or to reply, and follows no link that is not theirs."""

from datetime import timedelta
from uuid import UUID

from redis.asyncio import Redis

from holdgate.approvals.requests import clarifying, inbox
from holdgate.approvals.rules import recipient_queries
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs import service as runs
from holdgate.tasks.requests import TaskRequest
from tests.elements import elements, notices, texts
from tests.factories.approvals import ANN, OWNER, approval_of, principal, put_question
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
