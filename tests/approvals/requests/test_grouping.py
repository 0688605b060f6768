"""One decision for many questions of a run: each counts for itself, and no rule is passed over."""

import asyncio
import re
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.errors import AlreadyDecided
from holdgate.approvals.requests import deciding, grouping
from holdgate.approvals.requests.grouping import Chosen, Result
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.elements import elements, notices, texts
from tests.factories.approvals import (
    BOSS,
    OWNER,
    Asked,
    approval_of,
    key_of,
    letters,
    new_run,
    principal,
    put_question,
    reject,
)
from tests.factories.people import is_empty, words
from tests.factories.site import browser_of, site_of
from tests.factories.workers import task_of, verbs_of


async def together(
    database: Database, by: Principal, asked: list[Asked], verb: ApprovalVerb = ApprovalVerb.APPROVE, reason: str = ""
) -> list[Result]:
    key = await key_of(database, asked[0])
    chosen = [Chosen(one.approval_id, one.version) for one in asked]
    decision = Decision(version="", verb=verb, reason=reason)
    async with database.write(by.actor) as session:
        return await grouping.decide_chunk(session, by, key, chosen, decision, source="192.0.2.1, together")


async def states(database: Database, asked: list[Asked]) -> list[str]:
    return [(await task_of(database, one.task_id)).state for one in asked]


async def test_every_one_is_decided_as_proposed_and_tells_that_it_was_decided_together(
    database: Database, settings: Settings
) -> None:
    asked = await letters(database, settings, 3)
    boss = await principal(database, BOSS)
    assert [result.problem for result in await together(database, boss, asked)] == ["", "", ""]
    assert await states(database, asked) == ["queued"] * 3
    for one in asked:
        approval = await approval_of(database, one)
        assert (approval.decided_by, approval.answer) == (BOSS, {"wish": "as it is"})
        assert approval.decided_from == "signed in, 192.0.2.1, together"
        assert (await verbs_of(database, one.task_id))[-1] == "approve"


async def test_changed_decided_and_expired_ones_are_told_and_the_others_count(
    database: Database, settings: Settings
) -> None:
    asked = await letters(database, settings, 5, recipients=(BOSS, OWNER))
    changed, decided, expired, *fine = asked
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE approvals SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": expired.approval_id}
        )
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, decided.hashes()[1], reject(decided), source="")
    changed.version = "0" * 64
    boss = await principal(database, BOSS)
    told = [result.problem for result in await together(database, boss, asked)]
    assert "request changed since" in told[0]
    assert f"Already rejected by {OWNER}" in told[1]
    assert "This request has expired" in told[2]
    assert told[3:] == ["", ""]
    assert await states(database, fine) == ["queued", "queued"]
    assert await states(database, [changed, decided, expired]) == ["pending_approval", "rejected", "pending_approval"]


async def test_the_rules_of_a_single_decision_hold_for_each(database: Database, settings: Settings) -> None:
    barred = await letters(database, settings, 2, recipients=(OWNER, BOSS), self_approval=False)
    owner, eve = await principal(database), await principal(database, "eve@example.org")
    for person, sentence in ((owner, "Somebody else has to decide"), (eve, "No such request")):
        assert all(sentence in result.problem for result in await together(database, person, barred))
    two = await letters(database, settings, 2, recipients=(BOSS, "bob@example.org"), needed=2)
    boss = await principal(database, BOSS)
    assert [result.problem for result in await together(database, boss, two)] == ["", ""]
    assert await states(database, two) == ["pending_approval"] * 2
    assert all("already approved this" in result.problem for result in await together(database, boss, two))
    foreign = await letters(database, settings, 1)
    mixed = await together(database, boss, [barred[0], foreign[0]])
    assert [bool(result.problem) for result in mixed] == [False, True]


async def test_only_the_same_question_of_the_same_run_is_alike(database: Database, settings: Settings) -> None:
    boss = await principal(database, BOSS)
    run = await new_run(database)
    mine = await letters(database, settings, 2, run)
    others = [
        *await letters(database, settings, 1, run, needed=2, recipients=(BOSS, OWNER)),
        *await letters(database, settings, 1, run, fields=()),
        *await letters(database, settings, 1),
    ]
    single = await put_question(database, settings, recipients=(BOSS,))
    assert (await approval_of(database, single)).alike is None
    keys = {await key_of(database, one) for one in (*mine, *others)}
    assert len(keys) == 4
    async with database.read() as session:
        [group] = await grouping.groups(session, boss)
        assert (group.key, group.n, group.run_name) == (await key_of(database, mine[0]), 2, "Letters")
        assert await grouping.groups(session, await principal(database, "eve@example.org")) == []
        assert await grouping.members(session, await principal(database, "eve@example.org"), group.key) == []


async def test_deciding_together_and_alone_at_once_counts_once_for_each(database: Database, settings: Settings) -> None:
    boss = await principal(database, BOSS)
    for _ in range(6):
        asked = await letters(database, settings, 4, recipients=(BOSS, OWNER))
        barrier = asyncio.Barrier(3)

        async def many(backwards: bool, asked=asked, barrier=barrier) -> list[Result]:  # type: ignore[no-untyped-def]
            await barrier.wait()
            return await together(database, boss, asked[::-1] if backwards else asked)

        async def alone(asked=asked, barrier=barrier) -> bool:  # type: ignore[no-untyped-def]
            async with database.write(f"recipient:{OWNER}") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                try:
                    await deciding.decide_by_link(session, asked[2].hashes()[1], reject(asked[2]), source="")
                except AlreadyDecided:
                    await session.rollback()
                    return False
            return True

        first, second, single = await asyncio.gather(many(False), many(True), alone())
        counted = [result.id for result in (*first, *second) if not result.problem]
        assert len(counted) == len(set(counted)) == 4 - single
        for one in asked:
            assert len(await verbs_of(database, one.task_id)) == 4  # enqueue, claim, hold, and one decision
        async with database.write("system") as session:
            await session.execute(
                text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
            )


async def test_the_pages_lead_from_run_and_inbox_to_one_decision_without_scripts(
    database: Database, settings: Settings, redis: Redis
) -> None:
    run = await new_run(database, "Applications & more")
    asked = await letters(database, settings, 3, run, recipients=(OWNER,))
    key, owner = await key_of(database, asked[0]), await principal(database)
    path = f"/approvals/group/{key}"
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        [link] = texts(await browser.get("/approvals"), "a", href=path)[:1]
        assert "Applications & more" in link
        assert "3" in link.split()
        assert f'href="/approvals/together?run={run}"' in (await browser.get(f"/runs/{run}")).text
        assert (await browser.get(f"/approvals/together?run={run}")).headers["location"] == path
        page = await browser.get(path)
        assert " checked" not in page.text.split("<main", 1)[1]
        assert all(f"letter {n}" in words(page) for n in range(3))
        shown = re.findall(r'name="shown" value="([^"]+)"', page.text)
        assert len(shown) == 3
        for form, sentence in (
            ({"decision": "approve"}, "Choose 1 to 200"),
            ({"decision": "", "item": shown[:1]}, "Choose a decision"),
            ({"decision": "reject", "item": shown[:1]}, "Enter a reason"),
            ({"decision": "approve", "item": ["nonsense"]}, "listed requests"),
            ({"decision": "approve", "item": [f"{UUID(int=n)}:x" for n in range(201)]}, "Choose 1 to 200"),
        ):
            refused = await browser.send_form(path, form)
            assert (refused.status_code, sentence in words(refused)) == (422, True), words(refused)
        assert (
            f'value="{shown[0]}" checked'
            in (await browser.send_form(path, {"decision": "reject", "item": shown[:1]})).text
        )
        assert await states(database, asked) == ["pending_approval"] * 3
        first = await browser.send_form(path, {"decision": "reject", "reason": "too long", "item": shown[:1]})
        assert (first.status_code, first.headers["location"]) == (303, "/approvals")
        late = await browser.send_form(path, {"decision": "approve", "all": "true", "shown": shown})
        assert late.status_code == 409
        assert re.findall(r"\d+", notices(late)["results"])[:2] == ["2", "1"]
        assert elements(late, "a", href=f"/approvals/{shown[0].split(':')[0]}")
        assert is_empty(await browser.get(path))
        assert is_empty(await browser.get(f"/approvals/together?run={run}"))
    assert sorted(await states(database, asked)) == ["queued", "queued", "rejected"]


@pytest.mark.parametrize("n", [60])
async def test_many_are_decided_in_chunks(database: Database, settings: Settings, redis: Redis, n: int) -> None:
    asked = await letters(database, settings, n, deliver=False)
    boss = await principal(database, BOSS)
    shown = [f"{one.approval_id}:{one.version}" for one in asked]
    async with site_of(settings, database, redis) as transport, browser_of(transport, boss) as browser:
        answer = await browser.send_form(
            f"/approvals/group/{await key_of(database, asked[0])}",
            {"decision": "approve", "all": "true", "shown": shown},
        )
    assert answer.status_code == 303
    assert set(await states(database, asked)) == {"queued"}
    async with database.read() as session:
        transactions = await session.scalar(text("SELECT count(DISTINCT xid) FROM task_events WHERE verb = 'approve'"))
    assert transactions == 3
