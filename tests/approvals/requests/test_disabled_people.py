"""A disabled person: their links decide nothing, no mail goes to them, and all comes back when they are enabled."""

import asyncio

import pytest
from sqlalchemy import select, text

from holdgate.accounts import service as accounts
from holdgate.accounts.errors import AccessEnded
from holdgate.approvals.requests import clarifying, deciding, delegating, reminding, requesting, resolving, undoing
from holdgate.approvals.requests import mails as approval_mails
from holdgate.approvals.rules.access import asked_by_link, holder_of
from holdgate.approvals.states import ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.mail.errors import NotNeeded
from holdgate.tasks.models import Task
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    OWNER,
    THREE,
    agree,
    approval_of,
    approve,
    by_link,
    principal,
    put_question,
    recipients_of,
    reject,
    votes_of,
)
from tests.factories.workers import task_of


async def disable(database: Database, email: str) -> None:
    person = await principal(database, email)
    async with database.write("system") as session:
        await accounts.disable(session, person.id)


async def enable(database: Database, email: str) -> None:
    async with database.write("system") as session:
        user = await accounts.find_user_by_email(session, email)
        assert user is not None
        await accounts.enable(session, user.id)


@pytest.mark.parametrize("asked_as", [ANN, "ann+work@example.org"])
async def test_an_old_link_of_a_disabled_person_does_nothing_until_they_are_enabled(
    database: Database, settings: Settings, asked_as: str
) -> None:
    asked = await put_question(database, settings, recipients=(asked_as,))
    [link] = asked.hashes()
    await disable(database, ANN)
    async with database.read() as session:
        with pytest.raises(AccessEnded, match="has ended"):
            await holder_of(session, link)
    for act in ("decide", "fresh", "forward"):
        with pytest.raises(AccessEnded):
            async with database.write("recipient:x") as session:
                if act == "decide":
                    await deciding.decide_by_link(session, link, approve(asked), source="")
                elif act == "fresh":
                    await requesting.send_fresh_link(session, link)
                else:
                    approval, person = await asked_by_link(session, link)
                    await delegating.forward(session, approval, person, to="bob@example.org", note="", signup="open")
    assert await votes_of(database, asked) == []
    await enable(database, ANN)
    assert await by_link(database, asked, 0, approve(asked)) == "approved"


async def test_a_decision_and_being_disabled_at_the_same_instant_come_one_after_the_other(
    database: Database, settings: Settings
) -> None:
    """Whoever is being disabled is waited for: the decision was checked before, and is counted after."""
    asked = await put_question(database, settings, recipients=(ANN,))
    person = await principal(database, ANN)

    async def decide(signed_in: bool) -> None:
        async with database.write(person.actor) as session:
            if signed_in:
                await deciding.decide_signed_in(session, person, asked.approval_id, approve(asked), source="")
            else:
                await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")

    async with database.write("system") as disabling:
        await accounts.disable(disabling, person.id)
        trying = [asyncio.create_task(decide(signed_in)) for signed_in in (True, False)]
        async with database.read() as looking:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            async with asyncio.timeout(10):
                while not await looking.scalar(waiting) and not any(task.done() for task in trying):
                    await asyncio.sleep(0.01)
    outcomes = await asyncio.gather(*trying, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [AccessEnded, AccessEnded]
    assert (await approval_of(database, asked)).state == "pending"


async def test_a_person_who_decided_first_and_is_disabled_after_has_decided(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB), needed=2)
    await by_link(database, asked, 0, agree(asked))
    await disable(database, ANN)
    with pytest.raises(AccessEnded):
        async with database.write("recipient:x") as session:
            await undoing.take_back_by_link(session, asked.hashes()[0])
    assert await by_link(database, asked, 1, agree(asked)) == "approved"


async def test_who_is_disabled_does_not_count_among_those_who_can_still_agree(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    await disable(database, CID)
    assert await by_link(database, asked, 0, reject(asked)) == "rejected"


async def test_a_disabled_person_is_not_asked_and_nobody_learns_why(database: Database, settings: Settings) -> None:
    await disable(database, ANN)
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    people = {person.email: (person.state, person.problem) for person in await recipients_of(database, asked)}
    assert people == {ANN: ("undelivered", resolving.UNREACHABLE), BOB: ("sent", None)}
    async with database.read() as session:
        mails = await session.execute(select(Task.payload["to"].astext).where(Task.kind == "email.send"))
    assert list(mails.scalars()) == [BOB]


async def test_a_disabled_person_is_not_reminded_and_no_rendered_mail_mints_a_link(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    [ann] = [person for person in await recipients_of(database, asked) if person.email == ANN]
    await disable(database, ANN)
    ends = (await approval_of(database, asked)).expires_at
    assert ends is not None
    async with database.write("system") as session:
        due = (await approval_of(database, asked)).remind_at
        assert await reminding.remind_due(session, now=due) == 1
    async with database.read() as session:
        mails = await session.execute(select(Task.payload["to"].astext).where(Task.title.like("Remind%")))
    assert list(mails.scalars()) == [BOB]
    async with database.write("system") as session:
        with pytest.raises(NotNeeded):
            await approval_mails.ApprovalRequest().prepare(session, approval_mails.AskedPerson(ann.id), settings)


async def test_a_disabled_owner_is_not_asked_back(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    await disable(database, OWNER)
    with pytest.raises(Invalid, match="nobody to ask"):
        async with database.write("recipient:x") as session:
            approval, person = await asked_by_link(session, asked.hashes()[0])
            await clarifying.ask_back(session, approval, person, "Is it final?")
    assert (await approval_of(database, asked)).stopped_at is None


async def test_a_disabled_owner_answers_nothing_and_an_administrator_can(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, hold=HoldType.INPUT)
    owner, admin = await principal(database), await principal(database, "root@example.org", admin=True)
    await disable(database, OWNER)
    decision = approve(asked)
    answer = type(decision)(version=decision.version, verb=ApprovalVerb.ANSWER, form=decision.form)
    with pytest.raises(AccessEnded):
        async with database.write(owner.actor) as session:
            await deciding.decide_signed_in(session, owner, asked.approval_id, answer, source="")
    async with database.write(admin.actor) as session:
        await deciding.decide_signed_in(session, admin, asked.approval_id, answer, source="")
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_a_disabled_person_passes_nothing_on_signed_in(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    [sender] = await recipients_of(database, asked)
    await disable(database, ANN)
    with pytest.raises(AccessEnded):
        async with database.write("user:x") as session:
            await delegating.forward(
                session, await approval_of(database, asked), sender, to=BOB, note="", signup="open"
            )


async def test_a_change_is_refused_that_too_few_are_left_to_approve(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB, CID), needed=2)
    await by_link(database, asked, 0, agree(asked))
    await by_link(database, asked, 1, reject(asked))
    await disable(database, ANN)
    change = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={"wish": "otherwise"})
    with pytest.raises(Invalid, match="Too few"):
        await by_link(database, asked, 2, change)
    assert [vote.email for vote in await votes_of(database, asked)] == [ANN, BOB]
    assert await by_link(database, asked, 2, agree(asked)) == "approved"
