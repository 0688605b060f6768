"""Whom a request asks: members of groups, each once and for a reason, and how many of which group must approve."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from holdgate.accounts.availability import absences
from holdgate.approvals.errors import NotAsked, QuestionImpossible
from holdgate.approvals.models import ApprovalEvent
from holdgate.approvals.requests import deciding, delegating, expiring
from holdgate.approvals.rules.access import asked_by_link
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.values import escalation_of
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.tokens import digest
from holdgate.groups import service as groups
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    DAN,
    OWNER,
    Asked,
    agree,
    approval_of,
    by_link,
    delivered,
    make_group,
    pass_on,
    principal,
    put_question,
    receipt_of,
    recipients_of,
    reject,
)

DAY = timedelta(days=1)


async def asked_of(database: Database, asked: Asked) -> dict[str, str]:
    return {person.email: person.because for person in await recipients_of(database, asked)}


async def progress(database: Database, asked: Asked) -> list[tuple[str, int, int]]:
    async with database.read() as session:
        return (await standing_of(session, await approval_of(database, asked))).progress


async def test_members_are_asked_as_such_and_once_whatever_names_them(database: Database, settings: Settings) -> None:
    await make_group(database, "security", ANN, BOB)
    await make_group(database, "finance", "bob+money@example.org", CID)
    asked = await put_question(database, settings, recipients=("group:security", "GROUP:finance", DAN))
    assert await asked_of(database, asked) == {
        ANN: "member of security",
        BOB: "member of security and finance",
        CID: "member of finance",
        DAN: "",
    }
    async with database.read() as session:
        [told] = await session.scalars(select(ApprovalEvent.data).where(ApprovalEvent.verb == "ask"))
    assert told["why"] == {person: why for person, why in (await asked_of(database, asked)).items() if why}


async def test_who_joins_or_leaves_later_changes_nothing_about_an_open_request(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN, BOB)
    asked = await put_question(database, settings, recipients=("group:security",))
    async with database.write("system") as session:
        await groups.remove_members(session, "security", [ANN])
        await groups.add_members(session, "security", [CID])
    assert set(await asked_of(database, asked)) == {ANN, BOB}
    async with database.write("system") as session:
        await groups.delete_group(session, "security")
    assert await by_link(database, asked, 0, agree(asked)) == "approved"
    content = (await receipt_of(database, settings, asked)).content
    assert content["question"]["asked_as"] == {ANN: "member of security", BOB: "member of security"}


async def test_whoever_started_it_is_asked_as_a_member_of_no_group(database: Database, settings: Settings) -> None:
    await make_group(database, "security", OWNER, ANN)
    asked = await put_question(database, settings, recipients=("group:security",))
    assert set(await asked_of(database, asked)) == {ANN}
    async with database.read() as session:
        [told] = await session.scalars(select(ApprovalEvent.data).where(ApprovalEvent.verb == "ask"))
    assert told["left_out"] == [OWNER]


@pytest.mark.parametrize(
    ("recipients", "needed", "said"),
    [
        (("group:nobody",), 1, "There is no group named “nobody”"),
        (("group:empty",), 1, "'empty', and nobody is in it"),
        (("group:own",), 1, "'own', in which is nobody but who started"),
        ((), {"security": 1, "empty": 1}, "'empty', and nobody is in it"),
        ((), {"security": 3}, "needs 3 different people and asks 2"),
        ((), {"security": 2, "same": 2}, "needs 4 different people and asks 3"),
        ((), {"one": 1, "two": 1, "same": 1}, "1 of the group 'two', and only 0"),
        ((DAN,), {"security": 1}, "dan@example.org, who is in none of the groups"),
        ((), {"security": 0}, "must be at least one"),
    ],
)
async def test_a_request_that_can_never_be_answered_is_refused_by_name(
    recipients: tuple[str, ...], needed: int | dict[str, int], said: str, database: Database, settings: Settings
) -> None:
    await make_group(database, "empty")
    await make_group(database, "own", OWNER)
    await make_group(database, "security", ANN, BOB)
    await make_group(database, "same", ANN, BOB, CID)
    await make_group(database, "one", ANN)
    await make_group(database, "two", ANN)
    with pytest.raises(QuestionImpossible, match=said):
        await put_question(database, settings, recipients=recipients, needed=needed)


async def test_each_group_approves_by_people_of_its_own(database: Database, settings: Settings) -> None:
    await make_group(database, "security", ANN, BOB)
    await make_group(database, "finance", BOB, CID)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1, "finance": 1})
    assert await by_link(database, asked, 1, agree(asked)) == "pending"
    assert sorted(number for _, number, _ in await progress(database, asked)) == [0, 1]
    # Bob is in both and counts for one of them: for security, once somebody of finance has approved.
    assert await by_link(database, asked, 2, agree(asked)) == "approved"
    assert await progress(database, asked) == [("security", 1, 1), ("finance", 1, 1)]


async def test_two_of_one_group_do_not_make_up_for_the_other(database: Database, settings: Settings) -> None:
    await make_group(database, "security", ANN, BOB)
    await make_group(database, "finance", CID)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1, "finance": 1})
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    assert await by_link(database, asked, 1, agree(asked)) == "pending"
    assert await progress(database, asked) == [("security", 1, 1), ("finance", 0, 1)]
    # Nobody else of finance is left.
    assert await by_link(database, asked, 2, reject(asked)) == "rejected"


async def test_it_ends_as_soon_as_a_group_can_be_reached_no_more(database: Database, settings: Settings) -> None:
    await make_group(database, "security", ANN, BOB)
    await make_group(database, "finance", CID, DAN)
    asked = await put_question(database, settings, recipients=(), needed={"security": 2, "finance": 1})
    assert await by_link(database, asked, 2, reject(asked)) == "pending"
    assert await by_link(database, asked, 0, reject(asked)) == "rejected"


async def test_a_colleague_counts_for_the_groups_of_whom_they_decide_for(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN)
    await make_group(database, "finance", CID)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1, "finance": 1})
    await principal(database, DAN)
    async with database.write("system") as session:
        approval, sender = await asked_by_link(session, asked.hashes()[0])
        await delegating.forward(session, approval, sender, to=DAN, note="", signup="open")
    assert await by_link(database, asked, 1, agree(asked)) == "pending"
    async with database.write("system") as session:
        dan = await principal(database, DAN)
        decided = await deciding.decide_signed_in(session, dan, asked.approval_id, agree(asked), source="here")
    assert decided.state == "approved"


async def test_an_administrator_of_none_of_the_groups_decides_nothing_in_their_place(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1})
    root = await principal(database, "root@example.org", admin=True)
    with pytest.raises(NotAsked, match="security"):
        async with database.write("system") as session:
            await deciding.decide_signed_in(session, root, asked.approval_id, agree(asked), source="here")
    assert await by_link(database, asked, 0, agree(asked)) == "approved"


async def be_away(database: Database, email: str, substitute: str = "") -> None:
    person = await principal(database, email)
    if substitute:
        await principal(database, substitute)
    async with database.write("system") as session:
        now = (await session.execute(select(func.now()))).scalar_one()
        await absences.add_absence(session, person.id, now - DAY, now + DAY, substitute)


async def test_a_substitute_is_asked_in_the_place_and_for_the_groups_of_who_is_away(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN)
    await make_group(database, "finance", CID)
    await be_away(database, ANN, BOB)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1, "finance": 1})
    assert await asked_of(database, asked) == {
        BOB: f"substitute of {ANN}, member of security",
        CID: "member of finance",
    }
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    assert await by_link(database, asked, 1, agree(asked)) == "approved"


@pytest.mark.parametrize("substitute", [OWNER, CID, "bob+x@example.org"])
async def test_nobody_stands_in_who_started_it_or_is_asked_already(
    substitute: str, database: Database, settings: Settings
) -> None:
    await be_away(database, ANN, substitute)
    await be_away(database, DAN, BOB)  # Bob is taken by the time that Ann's turn comes
    asked = await put_question(database, settings, recipients=(DAN, ANN, CID))
    assert await asked_of(database, asked) == {BOB: f"substitute of {DAN}", ANN: "", CID: ""}
    async with database.read() as session:
        [told] = await session.scalars(select(ApprovalEvent.data).where(ApprovalEvent.verb == "ask"))
    assert told["away"] == [ANN]


async def test_what_people_have_started_themselves_waits_for_them(database: Database, settings: Settings) -> None:
    await be_away(database, OWNER, BOB)
    assert await asked_of(database, await put_question(database, settings, recipients=())) == {OWNER: ""}


async def test_when_time_is_over_another_group_is_asked_once_with_time_of_its_own(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN)
    await make_group(database, "finance", CID)
    await make_group(database, "leads", ANN, DAN, OWNER)
    needed = {"security": 1, "finance": 1}
    asked = await put_question(database, settings, recipients=(), needed=needed, escalates_to="leads")
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    deadline = (await approval_of(database, asked)).expires_at
    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=deadline) == 1
    open_again = await approval_of(database, asked)
    assert (open_again.state, open_again.expires_at, open_again.escalated_at) == ("pending", None, deadline)
    people = {person.email: person for person in await recipients_of(database, asked)}
    assert set(people) == {ANN, CID, DAN}, "whoever was asked, or started it, is not asked again"
    assert people[DAN].because == "escalated to leads"
    await delivered(database, settings, people[CID].id)  # a fresh link, to somebody who was asked before
    assert (await approval_of(database, asked)).expires_at is None, "it is the leads' time, who know nothing yet"
    await delivered(database, settings, people[DAN].id)
    again = (await approval_of(database, asked)).expires_at
    assert again is not None
    async with database.write("system") as session:
        dan = await principal(database, DAN)
        decided = await deciding.decide_signed_in(session, dan, asked.approval_id, agree(asked), source="here")
    assert decided.state == "approved", "in the place of finance, which has not answered"


async def test_nobody_passes_a_group_s_decision_on_to_whoever_started_it(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "security", ANN)
    asked = await put_question(database, settings, recipients=(), needed={"security": 1}, deliver=False)
    [ann] = await recipients_of(database, asked)
    token = await delivered(database, settings, ann.id)
    with pytest.raises(Invalid, match="started this task"):
        await pass_on(database, digest(token), OWNER)
    by_name = await put_question(database, settings, recipients=(ANN,))
    assert await pass_on(database, by_name.hashes()[0], OWNER) == OWNER


async def test_it_expires_the_second_time_and_at_once_when_nobody_else_can_be_asked(
    database: Database, settings: Settings
) -> None:
    await make_group(database, "leads", DAN)
    await make_group(database, "same", ANN, OWNER)
    for group in ("leads", "same"):
        asked = await put_question(database, settings, recipients=(ANN,), escalates_to=group)
        async with database.write("system") as session:
            await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)
        if group == "leads":
            [dan] = [person for person in await recipients_of(database, asked) if person.email == DAN]
            await delivered(database, settings, dan.id)
            async with database.write("system") as session:
                await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)
        assert (await approval_of(database, asked)).state == "expired"


@pytest.mark.parametrize("wanted", ["escalate", "escalate:leads", "escalate:group:", "go"])
def test_what_to_do_when_time_is_over_is_one_of_three_things(wanted: str) -> None:
    assert [escalation_of("go", each) for each in ("stop", "continue", "escalate:group:leads")] == [None, None, "leads"]
    with pytest.raises(QuestionImpossible, match="escalate:group:NAME"):
        escalation_of("go", wanted)
