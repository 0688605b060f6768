"""Passing a question on to a colleague."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select, text

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import (
    AlreadyDecided,
    AlreadyVoted,
    NotAsked,
    PassedOn,
    QuestionExpired,
    SelfApproval,
    SignInNeeded,
)
from holdgate.approvals.models import Recipient
from holdgate.approvals.requests import deciding, delegating, expiring, requesting
from holdgate.approvals.rules import events
from holdgate.approvals.rules.access import asked_by_link, asked_signed_in
from holdgate.approvals.states import HoldType
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import AppError, Conflict, Invalid
from holdgate.tasks.models import Task
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    DAN,
    OWNER,
    THREE,
    Asked,
    agree,
    approval_of,
    approve,
    by_link,
    delivered,
    pass_on,
    principal,
    put_question,
    recipients_of,
    reject,
)
from tests.factories.workers import task_of


async def person_of(database: Database, asked: Asked, email: str) -> Recipient:
    return next(person for person in await recipients_of(database, asked) if person.email == email)


async def mails_to(database: Database) -> Sequence[str]:
    async with database.read() as session:
        found = await session.execute(
            select(Task.payload["to"].astext).where(Task.kind == "email.send").order_by(Task.created_at, Task.id)
        )
        return found.scalars().all()


async def test_the_colleague_is_asked_and_decides_while_the_clock_goes_on(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    end = (await approval_of(database, asked)).expires_at
    assert await pass_on(database, asked.hashes()[0], " Dan@Example.org ", note="You know them") == DAN
    assert await mails_to(database) == [ANN, DAN]
    dan = await person_of(database, asked, DAN)
    assert (dan.state, dan.forward_note) == ("waiting", "You know them")
    token = await delivered(database, settings, dan.id)
    assert (await approval_of(database, asked)).expires_at == end
    with pytest.raises(PassedOn, match=r"delegated this to dan@example\.org"):
        await by_link(database, asked, 0, approve(asked))
    asked.tokens = [token]
    assert await by_link(database, asked, 0, approve(asked)) == "approved"
    assert (await approval_of(database, asked)).decided_by == DAN
    async with database.read() as session:
        trail = [(event.verb, event.actor, event.data) for event in await events.events_of(session, asked.approval_id)]
    assert trail[1] == ("forward", ANN, {"to": DAN, "note": "You know them"})


async def test_the_mail_names_who_passed_it_on(database: Database, settings: Settings) -> None:
    from holdgate.approvals.requests import mails

    asked = await put_question(database, settings, recipients=(ANN,))
    await pass_on(database, asked.hashes()[0], DAN, note="Yours")
    dan = await person_of(database, asked, DAN)
    async with database.write("system") as session:
        values = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(dan.id), settings)
    assert (values["sender"], values["note"]) == (ANN, "Yours")
    assert "running" in values["expires_hint"]


async def test_a_quorum_counts_the_colleague_in_place_of_who_passed_it_on(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=3)
    await pass_on(database, asked.hashes()[0], DAN)
    assert await by_link(database, asked, 1, agree(asked)) == "pending"
    assert await by_link(database, asked, 2, agree(asked)) == "pending"
    asked.tokens = [await delivered(database, settings, (await person_of(database, asked, DAN)).id)]
    assert await by_link(database, asked, 0, reject(asked)) == "rejected"


async def test_passed_on_further_the_last_one_decides(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB), needed=2)
    await pass_on(database, asked.hashes()[0], CID)
    asked.tokens[0] = await delivered(database, settings, (await person_of(database, asked, CID)).id)
    await pass_on(database, asked.hashes()[0], DAN)
    with pytest.raises(PassedOn):
        await by_link(database, asked, 0, agree(asked))
    asked.tokens[0] = await delivered(database, settings, (await person_of(database, asked, DAN)).id)
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    assert await by_link(database, asked, 1, agree(asked)) == "approved"


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("nobody", "Not a valid email"),
        ("a\n@example.org", "Not a valid email"),
        (ANN, "That is you"),
        ("ANN+mine@example.org", "That is you"),
        (BOB, "already an approver"),
        ("bob+b@example.org", "already an approver"),
        ("bob@exam\u00adple.org", "already an approver"),
        ("ｏｗｎｅｒ@example.org", "can’t approve"),
        (OWNER, "can’t approve"),
        ("owner+x@example.org", "can’t approve"),
    ],
)
async def test_it_is_not_passed_to_oneself_to_somebody_asked_or_to_who_started_it(
    database: Database, settings: Settings, to: str, sentence: str
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB), self_approval=False)
    with pytest.raises(Invalid, match=sentence) as refused:
        await pass_on(database, asked.hashes()[0], to)
    assert "to" in refused.value.fields
    assert len(await recipients_of(database, asked)) == 2


async def test_it_does_not_go_in_a_circle(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    await pass_on(database, asked.hashes()[0], BOB)
    asked.tokens = [await delivered(database, settings, (await person_of(database, asked, BOB)).id)]
    with pytest.raises(Invalid, match="already an approver"):
        await pass_on(database, asked.hashes()[0], ANN)


@pytest.mark.parametrize(
    ("signup", "to", "mailed"),
    [
        ("invite", DAN, False),
        ("invite", BOB, True),
        ("domain:example.org", DAN, True),
        ("domain:example.org", "eve@example.net", False),
        ("open", "eve@example.net", False),
        ("open", BOB, True),
        ("open", CID, False),
        ("anybody", "eve@example.net", True),
        ("anybody", CID, False),
    ],
)
async def test_only_people_with_access_are_mailed_and_nobody_learns_who_has_it(
    database: Database, settings: Settings, signup: str, to: str, mailed: bool
) -> None:
    """Bob has an account, Cid's is disabled. Under an open sign-up a link mailed any stranger."""
    await principal(database, BOB)
    cid = await principal(database, CID)
    async with database.write("system") as session:
        await accounts.disable(session, cid.id)
    asked = await put_question(database, settings, recipients=(ANN,))
    assert await pass_on(database, asked.hashes()[0], to, signup=signup) == to
    person = await person_of(database, asked, to)
    assert (person.state, person.problem) == ("waiting", None)
    assert await mails_to(database) == [ANN, *([to] if mailed else [])]
    with pytest.raises(PassedOn):
        await by_link(database, asked, 0, approve(asked))


async def test_passed_on_before_any_mail_was_delivered_its_time_runs(database: Database, settings: Settings) -> None:
    """To nobody who can be told, it would never end."""
    asked = await put_question(database, settings, recipients=(ANN,), deliver=False)
    ann = await principal(database, ANN)
    async with database.write(ann.actor) as session:
        approval, sender = await asked_signed_in(session, ann, asked.approval_id)
        await delegating.forward(session, approval, sender, to=DAN, note="", signup="invite")
    assert (await approval_of(database, asked)).expires_at is not None


async def test_it_is_passed_on_once_even_at_the_same_instant(database: Database, settings: Settings) -> None:
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN,))
        barrier = asyncio.Barrier(2)

        async def send(to: str, asked: Asked = asked, barrier: asyncio.Barrier = barrier) -> bool:
            try:
                async with database.write("recipient:x") as session:
                    approval, sender = await asked_by_link(session, asked.hashes()[0])
                    await barrier.wait()
                    await delegating.forward(session, approval, sender, to=to, note="", signup="anybody")
            except PassedOn:
                return False
            return True

        assert sorted(await asyncio.gather(send(BOB), send(CID))) == [False, True]
        assert len(await recipients_of(database, asked)) == 2


async def test_two_people_passing_it_to_the_same_colleague_at_once_ask_them_once(
    database: Database, settings: Settings
) -> None:
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN, BOB))
        barrier = asyncio.Barrier(2)

        async def send(place: int, asked: Asked = asked, barrier: asyncio.Barrier = barrier) -> bool:
            try:
                async with database.write("recipient:x") as session:
                    approval, sender = await asked_by_link(session, asked.hashes()[place])
                    await barrier.wait()
                    await delegating.forward(session, approval, sender, to=DAN, note="", signup="anybody")
            except Invalid:
                return False
            return True

        assert sorted(await asyncio.gather(send(0), send(1))) == [False, True]
        assert len(await recipients_of(database, asked)) == 3


async def test_deciding_and_passing_on_at_the_same_instant_are_one_or_the_other(
    database: Database, settings: Settings
) -> None:
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN, BOB), needed=2)
        barrier = asyncio.Barrier(2)

        async def act(voting: bool, asked: Asked = asked, barrier: asyncio.Barrier = barrier) -> bool:
            try:
                async with database.write("recipient:x") as session:
                    approval, sender = await asked_by_link(session, asked.hashes()[0])
                    await barrier.wait()
                    if voting:
                        await deciding.decide_by_link(session, asked.hashes()[0], agree(asked), source="")
                    else:
                        await delegating.forward(session, approval, sender, to=DAN, note="", signup="anybody")
            except (AlreadyVoted, PassedOn):
                return False
            return True

        assert sorted(await asyncio.gather(act(True), act(False))) == [False, True]


async def test_what_is_over_is_not_passed_on(database: Database, settings: Settings) -> None:
    voted = await put_question(database, settings, recipients=(ANN, BOB), needed=2)
    await by_link(database, voted, 0, agree(voted))
    with pytest.raises(AlreadyVoted):
        await pass_on(database, voted.hashes()[0], DAN)
    await by_link(database, voted, 1, reject(voted))
    with pytest.raises(AlreadyDecided):
        await pass_on(database, voted.hashes()[1], DAN)
    expired = await put_question(database, settings, recipients=(ANN,))
    with pytest.raises(QuestionExpired):
        await pass_on(database, expired.hashes()[0], DAN, now=(await approval_of(database, expired)).expires_at)
    answers = await put_question(database, settings, recipients=(ANN,), hold=HoldType.INPUT)
    with pytest.raises(Invalid, match="Only approvals"):
        await pass_on(database, answers.hashes()[0], DAN)


async def test_only_the_person_asked_passes_it_on(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    for email, admin, refused in ((OWNER, False, NotAsked), ("a@example.org", True, NotAsked)):
        person = await principal(database, email, admin=admin)
        with pytest.raises(refused):
            async with database.write(person.actor) as session:
                await asked_signed_in(session, person, asked.approval_id)
    stranger = await principal(database, "eve@example.org")
    with pytest.raises(AppError, match="No such request"):
        async with database.write(stranger.actor) as session:
            await asked_signed_in(session, stranger, asked.approval_id)
    barred = await put_question(database, settings, recipients=(OWNER, ANN), self_approval=False)
    owner = await principal(database)
    with pytest.raises(SelfApproval):
        async with database.write(owner.actor) as session:
            approval, sender = await asked_signed_in(session, owner, barred.approval_id)
            await delegating.forward(session, approval, sender, to=DAN, note="", signup="anybody")


async def test_at_level_sign_in_the_link_alone_passes_nothing_on(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,), level="sign-in")
    with pytest.raises(SignInNeeded):
        await pass_on(database, asked.hashes()[0], DAN)


async def test_the_task_stays_where_it_is(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    await pass_on(database, asked.hashes()[0], DAN)
    assert (await task_of(database, asked.task_id)).state == "pending_approval"
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM task_events WHERE verb = 'hold'")) == 1


async def test_after_the_end_only_who_was_asked_first_puts_the_question_again(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    await pass_on(database, asked.hashes()[0], DAN)
    asked.tokens.append(await delivered(database, settings, (await person_of(database, asked, DAN)).id))
    async with database.write("system") as session:
        await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)
    with pytest.raises(Conflict, match="colleague"):
        async with database.write("recipient:x") as session:
            await requesting.send_fresh_link(session, asked.hashes()[1])
    assert (await task_of(database, asked.task_id)).state == "expired"
    async with database.write("recipient:x") as session:
        assert await requesting.send_fresh_link(session, asked.hashes()[0]) == ANN
    assert (await task_of(database, asked.task_id)).state == "queued"
