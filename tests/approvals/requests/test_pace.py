"""Nobody has more open than they can read: what is asked of them beyond that waits, unmailed and without a clock."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text

from holdgate.approvals.api import schemas
from holdgate.approvals.models import Recipient
from holdgate.approvals.requests import deciding, expiring, inbox, mails, requesting, telling, undoing
from holdgate.approvals.rules import recipient_queries, turn_queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.values import ApprovalPace
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail.errors import NotNeeded
from holdgate.tasks import service as tasks
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskVerb
from tests.factories.approvals import (
    ANN,
    BOB,
    OWNER,
    Asked,
    agree,
    approval_of,
    by_link,
    delivered,
    pass_on,
    principal,
    put_question,
)
from tests.factories.mails import accept_all
from tests.factories.people import words
from tests.factories.site import browser_of, site_of

TWO = ApprovalPace(at_once=2, digest_after=1000)


async def asked(
    database: Database, settings: Settings, n: int, *, pace: ApprovalPace = TWO, **more: object
) -> list[Asked]:
    """Requests to Ann, unless `more` says otherwise; the links of those whose turn it is are minted."""
    found = []
    for i in range(n):
        one = await put_question(
            database,
            settings,
            deliver=False,
            pace=pace,
            **{"recipients": (ANN,), "name": f"{i}", **more},  # type: ignore[arg-type]
        )
        found.append(await told(database, settings, one))
    return found


async def told(database: Database, settings: Settings, one: Asked) -> Asked:
    """The mails of those whose turn has come are accepted."""
    one.tokens = [
        await delivered(database, settings, person.id)
        for person in await people(database, one)
        if person.turn == "open" and person.state == "waiting"
    ]
    return one


async def people(database: Database, one: Asked) -> list[Recipient]:
    async with database.read() as session:
        return await recipient_queries.recipients_of(session, [one.approval_id])


async def turns(database: Database, requests: Sequence[Asked]) -> list[str | None]:
    return [person.turn for one in requests for person in await people(database, one)]


async def mailed(database: Database) -> int:
    async with database.read() as session:
        return (
            await session.execute(select(func.count()).select_from(Task).where(Task.kind == "email.send"))
        ).scalar_one()


async def test_what_is_beyond_the_pace_waits_without_mail_and_without_a_clock(
    database: Database, settings: Settings
) -> None:
    requests = await asked(database, settings, 5)
    assert await turns(database, requests) == ["open", "open", "waiting", "waiting", "waiting"]
    assert await mailed(database) == 2
    async with database.write("system") as session:
        waiting = await approval_of(database, requests[4])
        assert (waiting.clock_started_at, waiting.expires_at) == (None, None)
        assert await expiring.expire_due(session, now=datetime.now(UTC) + timedelta(days=365)) == 2
        [person] = await people(database, requests[4])
        with pytest.raises(NotNeeded):  # whoever sends it before its turn
            await mails.ApprovalRequest().prepare(session, mails.AskedPerson(person.id), settings)
    assert await turns(database, requests) == [None, None, "open", "open", "waiting"], "what has expired makes room"


async def test_a_decision_and_a_cancellation_make_room_in_the_same_transaction(
    database: Database, settings: Settings
) -> None:
    requests = await asked(database, settings, 4)
    await by_link(database, requests[1], 0, agree(requests[1]))
    assert await turns(database, requests) == ["open", None, "open", "waiting"]
    boss = await principal(database, "boss@example.org", admin=True)
    async with database.write(boss.actor) as session:
        await tasks.act(session, boss, requests[0].task_id, TaskVerb.CANCEL)
        assert await session.scalar(select(func.count()).where(Recipient.turn == "open")) == 2
    assert await turns(database, requests) == [None, None, "open", "open"]
    async with database.write("system") as session:
        later = datetime.now(UTC) + timedelta(seconds=5)
        assert await telling.tell_due(session, few=TWO.digest_after, now=later) == 1
        assert await telling.tell_due(session, few=TWO.digest_after, now=later) == 0
    assert await mailed(database) == 4
    for one in requests[2:]:
        await by_link(database, await told(database, settings, one), 0, agree(one))
    assert await turns(database, requests) == [None] * 4


async def test_the_most_urgent_comes_first_then_the_oldest(database: Database, settings: Settings) -> None:
    requests = await asked(database, settings, 5)
    async with database.write("system") as session:  # as a task of a higher priority asks
        await session.execute(
            text("UPDATE approval_recipients SET urgency = 500 WHERE approval_id = :id"),
            {"id": requests[4].approval_id},
        )
    for place, opened in ((0, 4), (1, 2), (4, 3)):
        one = requests[place] if requests[place].tokens else await told(database, settings, requests[place])
        await by_link(database, one, 0, agree(one))
        assert (await turns(database, requests))[opened] == "open"


async def test_the_priority_of_the_task_is_the_urgency(database: Database, settings: Settings) -> None:
    [one] = await asked(database, settings, 1)
    async with database.read() as session:
        priority = await session.scalar(select(Task.priority).where(Task.id == one.task_id))
    assert [person.urgency for person in await people(database, one)] == [priority]


async def test_each_has_their_own_pace_and_the_first_delivery_starts_the_clock(
    database: Database, settings: Settings
) -> None:
    await asked(database, settings, 2)
    older, both = (
        await asked(database, settings, 1),
        await asked(database, settings, 1, recipients=(ANN, BOB), needed=2),
    )
    assert {p.email: p.turn for p in await people(database, both[0])} == {ANN: "waiting", BOB: "open"}
    assert (await approval_of(database, both[0])).clock_started_at is not None
    [first] = await people(database, older[0])
    ann = next(person for person in await people(database, both[0]) if person.email == ANN)
    async with database.read() as session:
        ahead = await turn_queries.ahead(session, [first.id, ann.id])
    assert ahead == {ann.id: 0, first.id: 1}, "with a clock that runs there is no time to wait"
    assert await by_link(database, both[0], 0, agree(both[0])) == "pending"
    bob = next(person for person in await people(database, both[0]) if person.email == BOB)
    assert bob.turn is None, "who has decided has room, though others have not"


async def test_two_spellings_of_one_person_have_one_pace(database: Database, settings: Settings) -> None:
    requests = await asked(database, settings, 2) + await asked(
        database, settings, 1, recipients=("ann+work@example.org",)
    )
    assert await turns(database, requests) == ["open", "open", "waiting"]


async def test_whom_no_mail_reaches_makes_room_and_takes_it_when_one_does(
    database: Database, settings: Settings
) -> None:
    requests = await unsent(database, settings, 3)
    [person] = await people(database, requests[0])
    letter, data = mails.ApprovalRequest(), mails.AskedPerson(person.id)
    async with database.write("system") as session:
        await letter.undelivered(session, data, "no such mailbox")
    assert await turns(database, requests) == [None, "open", "open"]
    async with database.write("system") as session:
        await letter.sent(session, data)
    assert await turns(database, requests) == ["waiting", "open", "open"], "mailed, and beyond the pace"
    await by_link(database, await told(database, settings, requests[1]), 0, agree(requests[1]))
    assert await turns(database, requests) == ["open", None, "open"], "it comes first"


async def unsent(database: Database, settings: Settings, n: int) -> list[Asked]:
    return [
        await put_question(database, settings, recipients=(ANN,), name=str(i), deliver=False, pace=TWO)
        for i in range(n)
    ]


async def test_whoever_passes_one_on_has_room_and_the_colleague_has_a_pace(
    database: Database, settings: Settings
) -> None:
    ann = await asked(database, settings, 3)
    bob = await asked(database, settings, 2, recipients=(BOB,))
    await pass_on(database, ann[0].hashes()[0], BOB, pace=TWO)
    assert await turns(database, ann[1:]) == ["open", "open"]
    assert {p.email: p.turn for p in await people(database, ann[0])} == {ANN: None, BOB: "waiting"}
    before = await mailed(database)
    await by_link(database, bob[0], 0, agree(bob[0]))
    assert {p.email: p.turn for p in await people(database, ann[0])} == {ANN: None, BOB: "open"}
    assert await mailed(database) == before, "told by the sweeper"


async def test_what_is_open_again_waits_for_room_ahead_of_the_others(database: Database, settings: Settings) -> None:
    requests = await asked(database, settings, 1, take_back=timedelta(minutes=9)) + await asked(database, settings, 4)
    hashes = requests[0].hashes()
    await by_link(database, requests[0], 0, agree(requests[0]))
    assert await turns(database, requests) == [None, "open", "open", "waiting", "waiting"]
    before = await mailed(database)
    async with database.write("x") as session:
        await undoing.take_back_by_link(session, hashes[0])
    assert await turns(database, requests) == ["waiting", "open", "open", "waiting", "waiting"]
    await by_link(database, requests[1], 0, agree(requests[1]))
    assert await turns(database, requests) == ["open", None, "open", "waiting", "waiting"]
    async with database.write("x") as session:  # whoever has room has it again at once, and knows of it
        await session.execute(text("DELETE FROM approval_recipients WHERE turn = 'waiting'"))
        await deciding.decide_by_link(session, hashes[0], agree(requests[0]), source="")
        await undoing.take_back_by_link(session, hashes[0])
    [person] = await people(database, requests[0])
    assert (person.turn, person.tell_at) == ("open", None)
    assert await mailed(database) == before


async def test_whoever_waits_again_for_what_they_were_mailed_gets_a_fresh_link(
    database: Database, settings: Settings
) -> None:
    one, *_ = await asked(database, settings, 3, take_back=timedelta(minutes=9))
    await by_link(database, one, 0, agree(one))
    async with database.write("x") as session:
        await undoing.take_back_by_link(session, one.hashes()[0])
    assert await turns(database, [one]) == ["waiting"]
    await accept_all(database, settings)
    async with database.write("x") as session:
        await requesting.send_fresh_link(session, one.hashes()[0])
    assert await accept_all(database, settings) == 1


async def test_two_who_ask_at_once_for_the_last_place_get_it_once(database: Database, settings: Settings) -> None:
    for _ in range(5):
        full = await asked(database, settings, 1)
        one, other = (
            await asked(database, settings, 1, recipients=(BOB,)),
            await asked(database, settings, 1, recipients=(BOB,)),
        )
        barrier = asyncio.Barrier(2)

        async def hand_over(request: Asked, barrier: asyncio.Barrier = barrier) -> None:
            async with database.write("x") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                await session.execute(
                    text(
                        "INSERT INTO approval_recipients (id, approval_id, email, turn, pace)"
                        " VALUES (holdgate_uuid7(), :id, :email, 'waiting', 2)"
                    ),
                    {"id": request.approval_id, "email": ANN},
                )

        await asyncio.gather(hand_over(one[0]), hand_over(other[0]))
        async with database.write("system") as session:
            await turn_queries.give_due(session)
            open_ = await session.scalar(select(func.count()).where(Recipient.person == ANN, Recipient.turn == "open"))
            assert open_ == 2
            await session.execute(text("DELETE FROM tasks"))
        assert full


async def test_two_who_decide_at_once_make_room_for_two(database: Database, settings: Settings) -> None:
    for _ in range(5):
        requests = await asked(database, settings, 4)
        barrier = asyncio.Barrier(2)

        async def decide(one: Asked, barrier: asyncio.Barrier = barrier) -> None:
            async with database.write("x") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                await deciding.decide_by_link(session, one.hashes()[0], agree(one), source="")

        await asyncio.gather(decide(requests[0]), decide(requests[1]))
        async with database.write("system") as session:
            await turn_queries.give_due(session)
        assert await turns(database, requests) == [None, None, "open", "open"]
        async with database.write("system") as session:
            await session.execute(text("DELETE FROM tasks"))


async def test_a_wider_pace_reaches_those_who_wait_already(database: Database, settings: Settings) -> None:
    requests = await asked(database, settings, 4)
    async with database.write("system") as session:
        await turn_queries.look_again(session, at_once=3)
        await turn_queries.give_due(session)
    assert await turns(database, requests) == ["open", "open", "open", "waiting"]


async def test_pages_and_the_api_say_what_waits_and_behind_how_many(
    database: Database, settings: Settings, redis: Redis
) -> None:
    requests = await asked(database, settings, 4)
    ann = await principal(database, ANN)
    async with database.read() as session:
        assert await inbox.count_waiting(session, ann) == 2
        found = await inbox.detail(session, requests[3].approval_id, ann)
        [shown] = schemas.detail(found, [], await standing_of(session, found.approval)).recipients
        assert (shown.turn, shown.ahead) == ("waiting", 1)
    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, ann) as browser:
            mine, later = await browser.get("/approvals"), await browser.get("/approvals?show=later")
            assert [rows(page, requests) for page in (mine, later)] == [{0, 1}, {2, 3}]
            assert "is next" in words(later)
            assert "1 before it" in words(await browser.get(f"/approvals/{requests[3].approval_id}"))
        async with browser_of(transport, await principal(database, OWNER)) as owner:
            assert "is next" in words(await owner.get(f"/tasks/{requests[2].task_id}"))


def rows(page: httpx.Response, requests: Sequence[Asked]) -> set[int]:
    return {i for i, one in enumerate(requests) if f'id="approval-{one.approval_id}"' in page.text}


async def test_what_ended_while_its_mail_was_accepted_does_not_keep_its_place(
    database: Database, settings: Settings
) -> None:
    requests = await asked(database, settings, 3)
    async with database.write("system") as session:
        await session.execute(text("ALTER TABLE approvals DISABLE TRIGGER approvals_make_room"))
        await session.execute(
            text("UPDATE approvals SET state = 'cancelled', decided_at = now() WHERE id = :id"),
            {"id": requests[0].approval_id},
        )
        await session.execute(text("ALTER TABLE approvals ENABLE TRIGGER approvals_make_room"))
        await turn_queries.look_again(session, at_once=2)
        await turn_queries.give_due(session)
    assert await turns(database, requests) == [None, "open", "open"]
