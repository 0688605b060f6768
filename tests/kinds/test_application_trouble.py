"""Sites that fail, hang up, want a sign-in, refuse; and a worker that dies: the site counts one application."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.postings import service as postings
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import TaskEnded
from holdgate.tasks.queue import moves, steps
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.factories.workers import until
from tests.kinds.applying import Applicant
from tests.kinds.odd_site import data, odd_site


async def test_a_site_that_is_down_twice_gets_one_application(ada: Applicant, tester: KindTester, site: Site) -> None:
    site.order("down", mode="fail", times=2)
    task_id = await ada.approved("down")
    assert await tester.run(task_id) == "retrying"
    assert "503: We are having trouble here" in str((await tester.task(task_id)).reason)
    assert await tester.finish(task_id) == "succeeded"
    task = await tester.task(task_id)
    assert (task.failures, len(site.received("down"))) == (2, 1)
    assert list(await tester.steps(task_id)) == [
        "compose",
        "sending",
        "trying",
        "send",
        "trying-2",
        "send-2",
        "trying-3",
        "send-3",
        "applied",
    ]


async def test_a_site_that_stays_down_ends_in_the_dead_letters_and_a_retry_sends_what_was_approved(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("long-down", mode="fail")
    task_id = await ada.approved("long-down")
    assert await tester.finish(task_id) == "dead_letter"
    assert (await tester.task(task_id)).failures == 5
    site.reset("long-down")
    await ada.change(phone="+44 2")  # not what was approved
    await tester.act(task_id, "retry")
    assert await tester.run(task_id) == "succeeded"
    assert [sent["phone"] for sent in site.received("long-down")] == ["+44 20 7946 0018"]


async def test_a_site_that_hangs_up_after_recording_counts_one_application(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("hangs-up", mode="drop", times=1)
    task_id = await ada.approved("hangs-up")
    assert await tester.run(task_id) == "retrying"
    [recorded] = site.received("hangs-up")
    assert await tester.finish(task_id) == "succeeded"
    [sent] = site.received("hangs-up")
    assert sent["count_of_posts"] == 2
    result = await tester.result(task_id)
    assert (result["receipt"], result["status"]) == (recorded["receipt"], 200)


async def test_a_short_wait_that_the_site_asks_for_is_waited(ada: Applicant, tester: KindTester, site: Site) -> None:
    site.order("crowded", mode="rate-limit", times=1, seconds=1)
    task_id = await ada.approved("crowded")
    assert await tester.run(task_id) == "succeeded"
    assert (await tester.task(task_id)).failures == 0


async def test_a_long_wait_is_left_to_the_retry(ada: Applicant, tester: KindTester, site: Site) -> None:
    site.order("closed-today", mode="rate-limit", times=1, seconds=600)
    task_id = await ada.approved("closed-today")
    before = datetime.now(UTC)
    assert await tester.run(task_id) == "retrying"
    run_at = (await tester.task(task_id)).run_at
    assert run_at is not None
    assert timedelta(seconds=600) <= run_at - before <= timedelta(seconds=690)
    assert await tester.finish(task_id) == "succeeded"


async def test_a_site_that_wants_a_sign_in_gets_the_application_after_it(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("members", mode="sign-in")
    task_id = await ada.approved("members")
    assert await tester.run(task_id) == "needs_auth"
    question = await tester.question(task_id)
    assert (question.step, question.shown) == ("sign-in-1", {"url": f"{site.url}/login?job=members"})
    assert "Sign in with the e-mail address of your application first." in question.title

    await tester.decide(task_id)  # without having signed in
    assert (await tester.task(task_id)).priority == 200
    assert await tester.run(task_id) == "needs_auth"
    assert (await tester.question(task_id)).step == "sign-in-2"

    site.sign_in("ada@example.org")
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert len(site.received("members")) == 1
    assert list(await tester.steps(task_id)) == [
        "compose",
        "sending",
        "trying",
        "send",
        "trying-2",
        "send-2",
        "trying-3",
        "send-3",
        "applied",
    ]


async def test_a_redirect_to_a_login_page_is_a_wish_for_a_sign_in(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("walled", mode="login-page")
    task_id = await ada.approved("walled")
    assert await tester.run(task_id) == "needs_auth"
    assert (await tester.question(task_id)).shown == {"url": f"{site.url}/login?job=walled"}
    site.reset("walled")
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert len(site.received("walled")) == 1


async def test_forbidden_asks_the_person_too(ada: Applicant, tester: KindTester, site: Site) -> None:
    site.order("forbidden", mode="forbidden")
    task_id = await ada.approved("forbidden")
    assert await tester.run(task_id) == "needs_auth"
    question = await tester.question(task_id)
    assert "You may not apply for this job." in question.title
    assert question.shown == {"url": f"{site.url}/jobs/forbidden/apply"}


async def test_a_refusal_names_the_sites_fields_and_is_not_tried_again(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    await ada.change(phone="call me")
    task_id = await ada.approved("refused")
    assert await tester.run(task_id) == "dead_letter"
    task = await tester.task(task_id)
    assert "(422): phone: Use digits, spaces" in str(task.reason)
    assert (task.failures, (await ada.posting_of(task_id)).applied_at) == (1, None)

    # Corrected and retried, it is a new application: asked again, sent under a key of its own.
    await ada.change(phone="+44 3")
    await tester.act(task_id, "retry")
    assert await tester.run(task_id) == "pending_approval"
    assert (await tester.question(task_id)).told["Phone"] == "+44 3"
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert [sent["idempotency_key"] for sent in site.received("refused")] == [f"{task_id}:send-2"]


async def test_what_was_approved_is_sent_with_its_file_whatever_the_profile_has_since(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.approved("new-resume")
    await ada.attach(PDF + b"more\n")
    assert await tester.run(task_id) == "succeeded"
    [sent] = site.received("new-resume")
    assert sent["resume_sha256"] == sha256(PDF).hexdigest()

    site.order("unsure", mode="drop", times=1)
    task_id = await ada.approved("unsure")
    assert await tester.run(task_id) == "retrying"
    await ada.attach(None)
    assert await tester.finish(task_id) == "succeeded"
    [sent] = site.received("unsure")
    assert (sent["count_of_posts"], sent["resume_sha256"]) == (2, sha256(PDF + b"more\n").hexdigest())


class Killed(TaskEnded):
    """The worker dies here: no outcome is written."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 6))
async def test_a_worker_killed_at_any_stored_step_leaves_one_application(
    ada: Applicant,
    tester: KindTester,
    site: Site,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    write: int,
    when: str,
) -> None:
    job = f"killed-{when}-{write}"
    task_id = await ada.apply(job)
    await _with_a_death(tester, database, monkeypatch, task_id, write, when)
    if (await tester.task(task_id)).state == "pending_approval":
        await tester.decide(task_id)
        await _with_a_death(tester, database, monkeypatch, task_id, write - 1, when)
    assert await tester.run(task_id) in ("pending_approval", "succeeded")
    if (await tester.task(task_id)).state == "pending_approval":
        await tester.decide(task_id)
        assert await tester.run(task_id) == "succeeded"

    [sent] = site.received(job)
    assert (await tester.result(task_id))["receipt"] == sent["receipt"]
    assert list(await tester.steps(task_id)) == ["compose", "sending", "trying", "send", "applied"]
    assert (await ada.posting_of(task_id)).applied_task_id == task_id


async def test_an_attempt_cut_off_while_it_sent_is_not_repeated_at_a_site_that_keeps_no_keys(
    ada: Applicant, tester: KindTester, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with odd_site(data('{"receipt": "R-8"}')) as away:
        task_id = await ada.approved("cut-off", apply_url=f"{away.url}/apply")
        await _with_a_death(tester, database, monkeypatch, task_id, 3, "before")  # sending, trying, send
        assert away.lines == ["POST /apply"]
        assert await tester.run(task_id) == "needs_input"
        assert "cut off" in (await tester.question(task_id)).shown["Problem"]
        assert away.lines == ["POST /apply"]


async def _with_a_death(
    tester: KindTester, database: Database, monkeypatch: pytest.MonkeyPatch, task_id: UUID, write: int, when: str
) -> None:
    """One try in which the worker dies before or after it commits the `write`-th step; its lease runs out."""
    owner, name = (steps, "store_step") if when == "before" else (Context, "_finish")
    real = getattr(owner, name)
    calls = 0

    async def dying(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == write and when == "before":
            raise Killed
        result = await real(*args, **options)
        if calls == write:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)
    await tester.run(task_id)
    if calls >= write:
        async with database.write("system") as session:
            await moves.recover_lost(session, most=3, now=datetime.now(UTC) + timedelta(days=1))
    monkeypatch.setattr(owner, name, real)


@pytest.mark.slow
async def test_of_two_applications_for_one_posting_the_second_waits_while_the_first_is_being_sent(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("twice", mode="slow", seconds=3)
    first = await ada.approved("twice")
    second = await ada.apply_for((await ada.posting_of(first)).id)
    sending = asyncio.create_task(tester.run(first))
    await until(lambda: begun(tester, first))
    assert await tester.run(second) == "pending_approval"
    await tester.decide(second)
    assert await tester.run(second) == "retrying"
    assert "Another application for this posting is being sent" in str((await tester.task(second)).reason)
    assert not sending.done(), "the first was sent too quickly for this test"
    assert await sending == "succeeded"

    await tester.promote(second)
    assert await tester.run(second) == "pending_approval", "approved again, now that it would be the second one"
    assert "You have applied for this posting before" in (await tester.question(second)).told["Please note"]
    assert len(site.received("twice")) == 1


async def test_an_application_that_died_is_not_sent_again_when_another_one_has_been_since(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    site.order("overtaken", mode="fail")
    first = await ada.approved("overtaken")
    assert await tester.finish(first) == "dead_letter"
    site.reset("overtaken")
    second = await ada.apply_for((await ada.posting_of(first)).id)
    assert await tester.run(second) == "pending_approval"
    await tester.decide(second)
    assert await tester.run(second) == "succeeded"
    await tester.act(first, "retry")
    assert await tester.run(first) == "dead_letter"
    assert "Somebody has applied for this posting since the sending began" in str((await tester.task(first)).reason)
    assert len(site.received("overtaken")) == 1


async def begun(tester: KindTester, task_id: UUID) -> bool:
    return "sending" in await tester.steps(task_id)


async def test_of_two_tasks_that_reach_the_sending_at_the_same_instant_one_sends(
    ada: Applicant, tester: KindTester, database: Database
) -> None:
    for _ in range(10):
        first = await ada.apply("instant")
        posting_id = (await ada.posting_of(first)).id
        second = await ada.apply_for(posting_id)
        barrier = asyncio.Barrier(2)

        async def begin(task_id: UUID, posting_id: UUID = posting_id, barrier: asyncio.Barrier = barrier) -> bool:
            async with database.write("system") as session:
                await barrier.wait()
                return await postings.begin_sending(session, posting_id, task_id)

        assert sorted(await asyncio.gather(begin(first), begin(second))) == [False, True]
        async with database.write("system") as session:
            await session.execute(text("TRUNCATE postings CASCADE"))


async def test_a_task_that_is_over_or_asks_again_leaves_the_sending_to_others(
    ada: Applicant, tester: KindTester, database: Database
) -> None:
    held = await ada.apply("left")
    posting_id = (await ada.posting_of(held)).id
    other = await ada.apply_for(posting_id)

    async def begin(task_id: UUID) -> bool:
        async with database.write("system") as session:
            return await postings.begin_sending(session, posting_id, task_id)

    assert await begin(held)
    assert await begin(held), "asking again is harmless"
    assert not await begin(other)
    assert await tester.run(held) == "pending_approval"
    assert await begin(other)
    assert not await begin(held)
    await tester.act(other, "cancel")
    assert await begin(held)
