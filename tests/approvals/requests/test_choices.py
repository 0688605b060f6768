"""Options of the asker's own in place of approving and rejecting, and requests for changes, which ask anew."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from holdgate import Answer, Context, Option, TextBlock
from holdgate.approvals.choices import Choices
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.pages import review
from holdgate.approvals.requests import deciding, mails
from holdgate.approvals.requests.mails import AskedPerson
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.testing import KindTester
from tests.elements import texts
from tests.factories.approvals import (
    ANN,
    BOB,
    BOSS,
    OWNER,
    Asked,
    approval_of,
    by_link,
    key_of,
    letters,
    principal,
    put_question,
    receipt_of,
    recipients_of,
)
from tests.factories.people import words
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.factories.workers import task_of
from tests.runtime.kinds import code

NOW, MONDAY, NO = Option("Ship now"), Option("Ship on Monday"), Option("Do not ship", goes_on=False)
CHOICES = Choices((NOW, MONDAY, NO), changes=True)


@pytest.fixture
async def transport(
    settings: Settings, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.ASGITransport]:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made
    code.clear()


async def sent(phone: httpx.AsyncClient, asked: Asked, decision: str, reason: str = "") -> httpx.Response:
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    form = {name: hidden(page, name) for name in ("token", "version", "stamp")}
    return await phone.post("/review", data={**form, "answer.wish": "x", "decision": decision, "reason": reason})


@pytest.mark.parametrize(
    ("option", "state", "task"), [(MONDAY, "approved", "queued"), (NO, "rejected", "rejected")], ids=["goes-on", "ends"]
)
async def test_an_option_chosen_by_link_decides_and_is_told_everywhere(
    database: Database, settings: Settings, transport: httpx.ASGITransport, option: Option, state: str, task: str
) -> None:
    asked = await put_question(database, settings, choices=CHOICES)
    async with stranger(transport) as phone:
        page = words(await phone.get(f"/review/{asked.tokens[0]}"))
        assert all(each in page for each in ("Later", "Ship now", "Ship on Monday", "Do not ship", "Request changes"))
        assert not re.search(r"\bApprove\b", page)
        assert (await sent(phone, asked, f"option:{option.name}")).status_code == 303
        assert option.name in words(await phone.get(f"/review/{asked.tokens[0]}"))
    approval = await approval_of(database, asked)
    assert (approval.state, approval.option) == (state, option.name)
    assert (await task_of(database, asked.task_id)).state == task
    content = (await receipt_of(database, settings, asked)).content
    assert content["decision"]["option"] == content["votes"][0]["option"] == option.name
    assert option.name in content["shown"]
    async with browser_of(transport, await principal(database)) as browser:
        for path in (f"/approvals/{asked.approval_id}", f"/tasks/{asked.task_id}"):
            assert f"Chose “{option.name}”" in words(await browser.get(path))


@pytest.mark.parametrize(
    "decision",
    [
        Decision(version="", verb=ApprovalVerb.APPROVE),
        Decision(version="", verb=ApprovalVerb.REJECT, option=NOW.name),
        Decision(version="", option="Ship never"),
        Decision(version="", verb=ApprovalVerb.REQUEST_CHANGES),  # and says not which
    ],
)
async def test_what_is_not_offered_can_not_be_chosen(
    database: Database, settings: Settings, decision: Decision
) -> None:
    asked = await put_question(database, settings, choices=CHOICES)
    with pytest.raises(Invalid):
        await by_link(database, asked, 0, decision)
    plain = await put_question(database, settings)
    for other in (Decision(version="", option=NOW.name), Decision(version="", verb=ApprovalVerb.REQUEST_CHANGES)):
        with pytest.raises(Invalid, match="Choose a decision"):
            await by_link(database, plain, 0, other)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ((NO,), 1),
        ((NOW, NOW), 1),
        (tuple(Option(str(n)) for n in range(6)), 1),
        ((Option("\u200b"),), 1),
        ((Option("x" * 61),), 1),
        ((NOW, MONDAY), 2),
    ],
)
async def test_options_that_make_no_sense_are_impossible(
    database: Database, settings: Settings, options: tuple[Option, ...], needed: int
) -> None:
    with pytest.raises(QuestionImpossible, match="offers"):
        await put_question(database, settings, recipients=(ANN, BOB), choices=Choices(options), needed=needed)


async def test_several_choose_the_one_option_that_goes_on(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB), choices=Choices((NOW, NO)), needed=2)
    decision = Decision(version=asked.version, option=NOW.name)
    assert [await by_link(database, asked, place, decision) for place in (0, 1)] == ["pending", "approved"]
    assert (await approval_of(database, asked)).option == NOW.name


async def test_one_of_several_who_requests_changes_ends_it(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB), choices=Choices((NOW,), True), needed=2)
    changes = Decision(version=asked.version, verb=ApprovalVerb.REQUEST_CHANGES, reason="Smaller, please.")
    assert await by_link(database, asked, 0, changes) == "changes_requested"
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_many_alike_are_decided_together_by_option(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asked = await letters(database, settings, 2, choices=CHOICES)
    boss = await principal(database, BOSS)
    async with browser_of(transport, boss) as browser:
        path = f"/approvals/group/{await key_of(database, asked[0])}"
        assert MONDAY.name in words(await browser.get(path))
        items = [f"{one.approval_id}:{one.version}" for one in asked]
        refused = await browser.send_form(path, {"item": items, "decision": "request_changes"})
        assert refused.status_code == 422
        answer = await browser.send_form(path, {"item": items, "decision": f"option:{MONDAY.name}"})
        assert answer.status_code == 303
    assert {(await approval_of(database, one)).option for one in asked} == {MONDAY.name}


async def writes(ctx: Context) -> str:
    """Asks again with what was wanted, until it is approved or says the same once more."""
    text = "first"
    while True:
        answer: Answer[Any] = await ctx.approval(
            "publish",
            title="Publish",
            show=[TextBlock(text, label="Text")],
            recipients=(ANN,),
            request_changes=True,
            take_back=timedelta(),
        )
        if answer.changes is None:
            return text
        text = answer.changes


async def test_changes_requested_are_the_next_version_for_the_same_people_with_the_difference(
    database: Database, settings: Settings, tester: KindTester, transport: httpx.ASGITransport
) -> None:
    code["writes"] = writes
    task_id = await tester.enqueue("test.evolves", {"name": "writes"}, owner_id=await tester.person())
    for wanted in ("second", "first", "third"):  # as it was at first: that is a version of its own, too
        assert await tester.run(task_id) == "pending_approval", (await tester.task(task_id)).error
        await tester.decide(task_id, changes=wanted, by=await principal(database, ANN))
    assert await tester.run(task_id) == "pending_approval"
    question = await tester.question(task_id)
    assert (question.shown, question.recipients) == ([{"type": "text", "text": "third", "label": "Text"}], [ANN])
    async with browser_of(transport, await principal(database, ANN)) as browser:
        page = await browser.get((await browser.get(f"/tasks/{task_id}/question")).headers["location"])
        [said] = texts(page, data_notice="revised")
        assert ANN in said and "third" in said
        [gone], [new] = texts(page, "del"), texts(page, "ins")
        assert "first" in gone and "third" in new
    async with browser_of(transport, await principal(database)) as browser:
        assert "Requested changes" in words(await browser.get(f"/tasks/{task_id}"))
    await tester.approve(task_id, by=ANN)
    assert await tester.run(task_id) == "succeeded"
    assert await tester.result(task_id) == "third"


async def test_an_email_about_the_next_version_says_what_was_wanted(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, choices=CHOICES)
    changes = Decision(version=asked.version, verb=ApprovalVerb.REQUEST_CHANGES, reason="Smaller, please.")
    async with database.write(f"recipient:{OWNER}") as session:
        decided = await deciding.decide_by_link(session, asked.hashes()[0], changes, source="x")
    assert decided.state == ApprovalState.CHANGES_REQUESTED
    again = await put_question(database, settings, again=asked.task_id, choices=CHOICES, title="A smaller one?")
    [person] = (await recipients_of(database, again))[-1:]
    async with database.write("system") as session:
        values = await mails.ApprovalRequest().prepare(session, AskedPerson(person.id), settings)
    assert "“Smaller, please.”" in values["replaces"]
    assert "Changed: Title." in values["replaces"]
