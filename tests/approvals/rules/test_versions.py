"""A decision counts for the version it was made for: whatever else the task would do is asked anew, and told."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from holdgate.approvals.errors import SelfApproval
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, mails, undoing
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.approvals.versions import MOST_VERSIONS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.mail.message import render
from holdgate.runs import service as runs
from holdgate.tasks import service
from holdgate.tasks.service import TaskRequest
from holdgate.testing import KindTester
from tests.elements import notices
from tests.factories.approvals import delivered, principal
from tests.factories.people import words
from tests.factories.site import browser_of, site_of, stranger
from tests.runtime.kinds import BOSS, ran, shows


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as tester:
        yield tester
    shows.clear()


async def requests_of(database: Database, task_id: UUID) -> list[Approval]:
    async with database.read() as session:
        found = await session.execute(
            select(Approval).where(Approval.task_id == task_id).order_by(Approval.created_at, Approval.id)
        )
        return list(found.scalars())


async def approved(tester: KindTester, name: str, memo: str = "", run_id: UUID | None = None) -> UUID:
    """A payment that the boss has approved and that has not run since."""
    owner_id = await tester.person()
    task_id = await tester.enqueue("test.pays", {"name": name, "memo": memo}, owner_id=owner_id, run_id=run_id)
    assert await tester.run(task_id) == "pending_approval", (await tester.task(task_id)).error
    await tester.approve(task_id, by=BOSS)
    return task_id


@pytest.mark.parametrize(
    ("again", "change"),
    [(True, {"cents": 1_000_000, "to": "mallory"}), (False, {"to": "mallory"}), (False, {"memo": "not shown"})],
)
async def test_an_approval_does_not_count_for_another_payload(
    database: Database, tester: KindTester, again: bool, change: dict[str, Any]
) -> None:
    name = f"edited-{again}-{'-'.join(change)}"
    task_id = await approved(tester, name)
    await tester.act(task_id, "cancel")
    await tester.edit(task_id, {"name": name, "cents": 10, "to": "ann", **change}, again=again)
    assert await tester.run(task_id) == "pending_approval"
    assert ran[f"{name}.paid"] == 0
    before, now = await requests_of(database, task_id)
    assert (before.state, before.withdrawn_at is not None, now.withdrawn_at) == ("approved", True, None)
    await tester.approve(task_id, by=BOSS)
    assert await tester.run(task_id) == "succeeded"
    assert await tester.result(task_id) == f"{change.get('cents', 10)} to {change.get('to', 'ann')}"


async def test_whoever_changed_the_payload_does_not_decide_where_nobody_decides_their_own(
    database: Database, tester: KindTester
) -> None:
    task_id = await approved(tester, "own")
    await tester.act(task_id, "cancel")
    async with database.write("user:boss") as session:
        boss = Principal(await tester.person(BOSS), BOSS, "", "admin")
    async with database.write(boss.actor) as session:
        await service.retry_edited(session, boss, task_id, {"name": "own", "to": "bob"}, again=True)
    assert await tester.run(task_id) == "pending_approval"
    with pytest.raises(SelfApproval):
        await tester.decide(task_id, by=boss)
    await tester.decide(task_id, by=Principal(uuid7(), "chief@example.org", "", "admin"))
    assert await tester.run(task_id) == "succeeded"


async def test_what_was_decided_on_the_same_version_stays_over_failures_and_a_retry_by_hand(
    database: Database, tester: KindTester
) -> None:
    task_id = await approved(tester, "kept", memo="fails")
    assert await tester.run(task_id) == "retrying"
    await tester.act(task_id, "cancel")
    await tester.act(task_id, "retry")
    assert await tester.run(task_id) == "succeeded"
    assert len(await requests_of(database, task_id)) == 1


async def test_other_code_under_the_same_step_asks_anew_and_so_does_the_old_code_after_it(
    database: Database, tester: KindTester
) -> None:
    task_id = await approved(tester, "deploy")
    for shown in ({"To": "ann", "Cents": 10, "Fee": 1}, {"To": "ann", "Cents": 10}):
        shows["deploy"] = lambda shown=shown: shown  # type: ignore[misc]
        assert await tester.run(task_id) == "pending_approval"
        assert (await tester.question(task_id)).shown == shown
        await tester.approve(task_id, by=BOSS)
    assert await tester.run(task_id) == "succeeded"
    assert [one.withdrawn_at is None for one in await requests_of(database, task_id)] == [False, False, True]


async def test_a_rejection_of_another_version_is_no_answer_and_is_not_got_round_either(
    database: Database, tester: KindTester
) -> None:
    task_id = await approved(tester, "no")
    shows["no"] = lambda: {"To": "bob"}
    assert await tester.run(task_id) == "pending_approval"
    await tester.reject(task_id, by=BOSS)
    assert (await tester.task(task_id)).state == "rejected"
    await tester.act(task_id, "resume")
    shows["no"] = lambda: {"To": "ann", "Cents": 10}  # as it was approved before that
    assert await tester.run(task_id) == "pending_approval"
    assert ran["no.paid"] == 0


async def test_what_shows_something_else_each_time_ends_with_a_word_for_its_author(tester: KindTester) -> None:
    times = count()
    shows["clock"] = lambda: {"At": next(times)}
    task_id = await approved(tester, "clock")
    for _ in range(MOST_VERSIONS - 1):
        assert await tester.run(task_id) == "pending_approval"
        await tester.approve(task_id, by=BOSS)
    assert await tester.run(task_id) == "dead_letter"
    task = await tester.task(task_id)
    assert "'agree' has shown something else 5 times" in str(task.reason)
    await tester.act(task_id, "retry")  # by hand it begins anew
    assert await tester.run(task_id) == "pending_approval"


async def test_a_set_is_shown_in_the_same_order_by_every_process(tester: KindTester) -> None:
    shows["set"] = lambda: {"Who": {"eve", "ann", "bob", "dan", "cid"}}
    task_id = await approved(tester, "set")
    shows["set"] = lambda: {"Who": ["ann", "bob", "cid", "dan", "eve"]}
    assert await tester.run(task_id) == "succeeded"


async def test_people_are_told_that_it_has_changed_what_and_that_the_earlier_decision_does_not_count(
    database: Database, settings: Settings, redis: Redis, tester: KindTester
) -> None:
    owner = await principal(database)
    async with database.write("system") as session:
        filler = TaskRequest(kind="test.steps", payload={"name": "beside"})
        run_id = await runs.start_run(session, owner, "A run", [filler])
    task_id = await approved(tester, "told", run_id=run_id)
    await tester.act(task_id, "cancel")
    await tester.edit(task_id, {"name": "told", "cents": 10, "to": "mallory"}, again=True)
    await tester.run(task_id)
    before, now = await requests_of(database, task_id)
    assert before.alike is not None
    assert now.alike is None, "what has changed is decided alone"
    async with database.write("system") as session:
        [boss] = await recipient_queries.recipients_of(session, [now.id])
        values = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(boss.id), settings)
    values.pop("to")
    mail = render("approval_request", values, to=BOSS, task_id=uuid7(), settings=settings)
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        said = " ".join(str(body.get_content()).split())
        assert "an earlier version was approved by boss@example.org. That decision doesn’t apply" in said
        assert "Changed: To." in said
    token = await delivered(database, settings, boss.id)
    async with site_of(settings, database, redis) as site:
        async with stranger(site) as phone:
            page = await phone.get(f"/review/{token}")
            assert "boss@example.org" in notices(page)["revised"]
            assert "mallory" in page.text.partition('id="revised"')[2].partition("</section>")[0]
        async with browser_of(site, await principal(database, BOSS)) as browser:
            assert "withdrawn" in notices(await browser.get(f"/approvals/{before.id}"))
            assert "Withdrawn" in words(await browser.get(f"/approvals/{before.id}/receipt"))


SHOWN: list[tuple[Any, list[str]]] = [
    (["ann", "bob"], ["ann", "bob"]),
    ("One text alone", ["One text alone"]),
    ({"Rate": 0.25, "Whole": 3.0, "None": None, "Yes": True, "No": False}, ["0.25", "3.0", "–", "Yes", "No"]),
    ({"To": ["ann", {"cc": "bob"}], "Deep": {"a": {"b": 1.5}}, "Empty": []}, ["ann", "cc", "bob", "1.5", "[]"]),
    (7, ["7"]),
    ({f"Line {n}": f"value-{n}" for n in range(30)}, ["value-0", "value-19", "more values"]),
]


@pytest.mark.parametrize(("show", "told"), SHOWN, ids=range(len(SHOWN)))
async def test_all_plain_data_reaches_people_by_email_page_inbox_and_receipt(
    database: Database, settings: Settings, redis: Redis, tester: KindTester, show: Any, told: list[str]
) -> None:
    shows["shown"] = lambda: show
    task_id = await tester.enqueue("test.pays", {"name": "shown"})
    assert await tester.run(task_id) == "pending_approval", (await tester.task(task_id)).error
    [asked] = await requests_of(database, task_id)
    async with database.write("system") as session:
        [boss] = await recipient_queries.recipients_of(session, [asked.id])
        values = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(boss.id), settings)
    values.pop("to")
    mail = render("approval_request", values, to=BOSS, task_id=uuid7(), settings=settings)
    texts = [
        " ".join(str(body.get_content()).split()) for kind in ("plain", "html") if (body := mail.get_body((kind,)))
    ]
    async with site_of(settings, database, redis) as site:
        async with stranger(site) as phone:
            texts.append(words(await phone.get(values["url"].removeprefix(settings.base_url))))
        boss_person = await principal(database, BOSS)
        async with browser_of(site, boss_person) as browser:
            texts.append(words(await browser.get(f"/approvals/{asked.id}")))
            await tester.approve(task_id, by=BOSS)
            texts.append(words(await browser.get(f"/approvals/{asked.id}/receipt")))
    assert len(texts) == 5
    for place, text in enumerate(texts):
        for each in told:
            if each == "more values" and place > 1:
                each = "value-29"  # pages show them all
            assert each in text, (place, each, text)
    assert await tester.run(task_id) == "succeeded", "what came back from the database is the same version"


@pytest.mark.parametrize(
    "show",
    [float("nan"), {"a": [float("inf")]}, {"a": "b\0"}, "\ud800", {("a", "b"): 1}, {"a": object()}, {"\0": 1}],
    ids=range(7),
)
async def test_what_cannot_be_shown_is_refused_at_once_and_names_the_step(tester: KindTester, show: Any) -> None:
    shows["refused"] = lambda: show
    task_id = await tester.enqueue("test.pays", {"name": "refused"})
    assert await tester.run(task_id) == "dead_letter"
    task = await tester.task(task_id)
    assert task.failures == 1
    assert "The approval request 'agree' shows" in str(task.reason)


async def test_data_too_deep_to_be_shown_is_refused_at_once(tester: KindTester) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    shows["deep"] = lambda: deep
    task_id = await tester.enqueue("test.pays", {"name": "deep"})
    assert await tester.run(task_id) == "dead_letter"
    assert "levels deep" in str((await tester.task(task_id)).reason)


async def test_a_decision_on_the_version_before_is_refused_as_changed(database: Database, tester: KindTester) -> None:
    task_id = await approved(tester, "late")
    shows["late"] = lambda: {"To": "bob"}
    await tester.run(task_id)
    before, now = await requests_of(database, task_id)
    boss = Principal(await tester.person(BOSS), BOSS, "", "member")
    for approval, version in ((now, before.version), (before, before.version)):
        with pytest.raises(Exception, match=r"changed since|[Aa]lready approved"):
            async with database.write(boss.actor) as session:
                decision = Decision(version=version, verb=ApprovalVerb.APPROVE)
                await deciding.decide_signed_in(session, boss, approval.id, decision, source="")
    assert (await tester.task(task_id)).state == "pending_approval"


async def test_cancelling_and_retrying_an_approved_task_does_not_take_the_time_to_undo_away(
    database: Database, settings: Settings
) -> None:
    patient = msgspec.structs.replace(settings, approval_take_back=timedelta(minutes=5))
    async with KindTester(database, patient) as tester:
        task_id = await approved(tester, "undo")
        await tester.act(task_id, "cancel")
        await tester.act(task_id, "retry")
        assert await tester.run(task_id) == "scheduled"
        [asked] = await requests_of(database, task_id)
        assert (await tester.task(task_id)).run_at == asked.goes_on_at
        boss = Principal(await tester.person(BOSS), BOSS, "", "member")
        async with database.write(boss.actor) as session:
            await undoing.take_back_signed_in(session, boss, asked.id)
        assert (await tester.task(task_id)).state == "pending_approval"
        await tester.approve(task_id, by=BOSS)
        assert await tester.finish(task_id) == "succeeded"
    assert ran["undo.paid"] == 1
