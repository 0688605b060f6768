"""Where several decide, whoever approves may change the form, and in the end all have approved the very same bytes."""

import asyncio
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

from holdgate.approvals.errors import QuestionChanged
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.form_diff import changes_of
from holdgate.approvals.forms import FormField
from holdgate.approvals.pages import review
from holdgate.approvals.requests import deciding, mails, proposing, telling, undoing
from holdgate.approvals.rules import events
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.tasks.models import Task
from tests.elements import alerts, elements, notices, texts
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    THREE,
    Asked,
    agree,
    approval_of,
    approve,
    by_link,
    decision_on,
    put_question,
    receipt_of,
    recipients_of,
    reject,
    votes_of,
)
from tests.factories.people import words
from tests.factories.site import hidden, site_of, stranger


async def put(database: Database, settings: Settings, **more: Any) -> Asked:
    return await put_question(database, settings, recipients=THREE, **{"needed": 2, **more})


async def now_shown(database: Database, asked: Asked) -> Asked:
    """The same request, as its page shows it now."""
    return dataclasses.replace(asked, version=(await approval_of(database, asked)).version)


async def voted(database: Database, asked: Asked) -> list[tuple[str, str]]:
    return [(vote.person, vote.verb) for vote in await votes_of(database, asked)]


async def test_a_change_voids_earlier_approvals_and_is_what_enough_people_approve(
    database: Database, settings: Settings
) -> None:
    asked = await put(database, settings)
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    assert await by_link(database, asked, 1, approve(asked)) == "pending"
    assert await voted(database, asked) == [(BOB, "approve")]
    with pytest.raises(QuestionChanged):
        await by_link(database, asked, 2, agree(asked))
    new = await now_shown(database, asked)
    assert await by_link(database, new, 0, agree(new)) == "approved"
    approval = await approval_of(database, asked)
    assert (approval.answer, approval.decided_by) == ({"wish": "granted"}, f"{BOB}, {ANN}")
    assert {vote.version for vote in await votes_of(database, asked)} == {approval.version} != {asked.version}
    async with database.read() as session:  # the step finds the decision by what it asked
        found = await decision_on(session, asked.task_id, "go", asked.version, 0)
        trail = [(event.verb, event.actor) for event in await events.events_of(session, asked.approval_id)]
    assert found is not None and found.id == asked.approval_id
    assert trail == [("ask", "system"), ("approve", ANN), ("propose", BOB), ("approve", BOB), ("approve", ANN)]
    [change] = changes_of(approval)
    assert change.label == "Wish"
    receipt = await receipt_of(database, settings, asked)
    assert receipts.check(receipt.text, signing.public_keys(settings.secret_keys)).problem == ""
    assert json.loads(receipt.content["shown"])[2][0]["value"] == "granted"


async def test_a_form_that_is_changed_back_does_not_revive_an_approval(database: Database, settings: Settings) -> None:
    asked = await put(database, settings, needed=3)
    await by_link(database, asked, 0, agree(asked))
    await by_link(database, asked, 1, approve(asked))
    new = await now_shown(database, asked)
    assert await by_link(database, new, 2, approve(new, wish="as it is")) == "pending"
    assert (await now_shown(database, asked)).version == asked.version
    assert await voted(database, asked) == [(CID, "approve")]


async def test_whoever_has_rejected_has_rejected_the_change_as_well(database: Database, settings: Settings) -> None:
    asked = await put(database, settings)
    await by_link(database, asked, 0, reject(asked))
    await by_link(database, asked, 1, approve(asked))
    assert await voted(database, asked) == [(ANN, "reject"), (BOB, "approve")]
    new = await now_shown(database, asked)
    assert await by_link(database, new, 2, reject(new)) == "rejected"


async def test_a_box_that_is_unticked_is_a_change_and_no_form_is_none(database: Database, settings: Settings) -> None:
    asked = await put(database, settings, fields=(FormField("sure", "Sure", type="boolean", value=True),))
    await by_link(database, asked, 0, agree(asked))
    unticked = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={})
    await by_link(database, asked, 1, unticked)
    assert await voted(database, asked) == [(BOB, "approve")]
    new = await now_shown(database, asked)
    assert await by_link(database, new, 2, agree(new)) == "approved"
    assert (await approval_of(database, asked)).answer == {"sure": False}


async def test_a_change_is_checked_like_every_answer_and_ten_are_enough(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "MOST", 1)
    asked = await put(database, settings, needed=3, fields=(FormField("wish", "Wish", required=True, value="this"),))
    with pytest.raises(Invalid, match="missing or invalid"):
        await by_link(database, asked, 0, approve(asked, wish=""))
    await by_link(database, asked, 0, approve(asked))
    new = await now_shown(database, asked)
    with pytest.raises(Invalid, match="already been changed 1 times"):
        await by_link(database, new, 1, approve(new, wish="another"))
    assert await by_link(database, new, 1, agree(new)) == "pending"


async def test_of_two_changes_at_the_same_instant_one_counts(database: Database, settings: Settings) -> None:
    for _ in range(5):
        asked = await put(database, settings)
        barrier = asyncio.Barrier(2)

        async def change(place: int, asked: Asked = asked, barrier: asyncio.Barrier = barrier) -> str:
            try:
                async with database.write(f"recipient:{THREE[place]}") as session:
                    await session.execute(text("SELECT 1"))
                    await barrier.wait()
                    decision = approve(asked, wish=f"as {place} wants it")
                    return (await deciding.decide_by_link(session, asked.hashes()[place], decision, source="")).state
            except QuestionChanged:
                return "changed"

        outcomes = await asyncio.gather(change(0), change(1))
        assert sorted(outcomes) == ["changed", "pending"]
        winner = outcomes.index("pending")
        assert await voted(database, asked) == [(THREE[winner], "approve")]
        new = await now_shown(database, asked)
        await by_link(database, new, 2, agree(new))
        assert (await approval_of(database, asked)).answer == {"wish": f"as {winner} wants it"}
        async with database.write("system") as session:
            await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))


async def told(database: Database) -> list[str]:
    async with database.write("system") as session:
        await telling.tell_due(session, now=datetime.now(UTC) + timedelta(seconds=3))
    async with database.read() as session:
        sent = select(Task.payload["to"].astext).where(Task.kind == "email.send").order_by(Task.id)
        return list((await session.execute(sent)).scalars())


async def test_whoever_had_approved_is_told_once_who_changed_what(database: Database, settings: Settings) -> None:
    asked = await put(database, settings, needed=3)
    first = await told(database)
    await by_link(database, asked, 0, agree(asked))
    await by_link(database, asked, 1, approve(asked))
    assert await told(database) == [*first, ANN]
    ann = next(person for person in await recipients_of(database, asked) if person.email == ANN)
    async with database.write("system") as session:
        letter = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(ann.id), settings)
    assert letter["replaces"].startswith(f"{BOB} has changed the form (Wish).")
    new = await now_shown(database, asked)
    await by_link(database, new, 2, approve(new, wish="otherwise"))  # Ann knows, and has not decided again
    assert await told(database) == [*first, ANN, BOB]
    assert await told(database) == [*first, ANN, BOB]


async def test_undone_it_is_open_again_as_it_was_changed(database: Database, settings: Settings) -> None:
    asked = await put(database, settings, take_back=timedelta(minutes=5))
    await by_link(database, asked, 0, approve(asked))
    new = await now_shown(database, asked)
    await by_link(database, new, 1, agree(new))
    async with database.write("recipient:x") as session:
        await undoing.take_back_by_link(session, asked.hashes()[1])
    assert await voted(database, asked) == [(ANN, "approve")]
    assert await by_link(database, new, 2, approve(new, wish="otherwise")) == "pending"
    approval = await approval_of(database, asked)
    assert approval.answer is None, "what was filled in for the undone approval would be shown in its place"
    assert await voted(database, asked) == [(CID, "approve")]


async def test_the_page_shows_who_changed_what_and_a_late_change_sees_it_anew(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await put(database, settings, needed=3)
    async with site_of(settings, database, redis) as transport, stranger(transport) as phone:

        async def form(place: int, wish: str) -> dict[str, str]:
            page = (await phone.get(f"/review/{asked.tokens[place]}")).text
            sent = {name: hidden(page, name) for name in ("token", "version", "stamp")}
            return {**sent, "answer.wish": wish, "decision": "approve", "reason": ""}

        late, ours, theirs = await form(2, "as Cid wants it"), "as Ann wants it", "as Cid wants it"
        assert (await phone.post("/review", data=await form(0, ours))).status_code == 303
        assert "2" in notices(await phone.get(f"/review/{asked.tokens[0]}"))["voted"]
        page = await phone.get(f"/review/{asked.tokens[1]}")
        assert "form-revised" in notices(page)
        assert "Ann" in texts(page, "ins")[0]
        assert value_of(page) == ours
        assert any(ANN in heading for heading in texts(page, "h2"))
        refused = await phone.post("/review", data=late)
        assert (refused.status_code, value_of(refused)) == (409, ours)
        assert alerts(refused)
        assert theirs in words(refused), "to be copied"
        assert " checked" not in refused.text


def value_of(page: httpx.Response) -> str:
    [field] = elements(page, "input", name="answer.wish")
    return field["value"]
