"""Whom a request asks: members of groups, each once and for a reason, and how many of which group must approve."""

import pytest
from sqlalchemy import select

from holdgate.approvals.errors import NotAsked, QuestionImpossible
from holdgate.approvals.models import ApprovalEvent
from holdgate.approvals.requests import deciding, delegating
from holdgate.approvals.rules.access import asked_by_link
from holdgate.approvals.rules.tally import standing_of
from holdgate.core.config import Settings
from holdgate.core.db import Database
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
    make_group,
    principal,
    put_question,
    receipt_of,
    recipients_of,
    reject,
)


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
