"""Every option of `sample.task`."""

from uuid import UUID

import msgspec
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.kinds.sample_task import TRACE
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester


async def test_each_step_is_stored_with_the_attempt_that_ran_it(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"steps": 3})
    assert await tester.run(task_id) == "succeeded"
    evidence = [{"step": n, "attempt": 1} for n in (1, 2, 3)]
    assert await tester.steps(task_id) == {f"step-{e['step']}": e for e in evidence}
    assert await tester.result(task_id) == {"steps": evidence, "answer": None}


async def test_no_steps_are_a_task_that_does_nothing(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"steps": 0})
    assert await tester.run(task_id) == "succeeded"
    assert await tester.steps(task_id) == {}


async def test_it_fails_as_often_as_told_and_runs_no_finished_step_again(
    tester: KindTester, settings: Settings
) -> None:
    task_id = await tester.enqueue("sample.task", {"steps": 2, "fail_times": 2, "trace": True})
    assert [await tester.run(task_id), (await tester.task(task_id)).reason] == [
        "retrying",
        "Attempt 1 of 3 failed: Failed on purpose 2 times; this is number 1.",
    ]
    assert await tester.finish(task_id) == "succeeded"
    assert ((await tester.task(task_id)).failures, (await tester.task(task_id)).attempt) == (2, 3)
    assert (settings.data_dir / TRACE).read_text() == f"{task_id} 1 1\n{task_id} 2 1\n"


async def test_failing_more_often_than_it_is_tried_ends_in_the_dead_letters(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"fail_times": 5}, max_attempts=2)
    assert await tester.finish(task_id) == "dead_letter"
    assert (await tester.task(task_id)).failures == 2


async def test_a_permanent_failure_is_not_tried_again(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"permanent": True})
    assert await tester.run(task_id) == "dead_letter"
    assert (await tester.task(task_id)).reason == "Failed on purpose (permanent)."


async def test_progress_ends_complete(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"steps": 5, "progress": True})
    await tester.run(task_id)
    assert (await tester.task(task_id)).progress == {"done": 5, "total": 5, "note": "Step 5"}


async def test_steps_take_the_time_they_are_told_to(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"steps": 2, "seconds": 0.05})
    await tester.run(task_id)
    task = await tester.task(task_id)
    assert task.finished_at is not None
    assert task.started_at is not None
    assert (task.finished_at - task.started_at).total_seconds() >= 0.1


async def test_it_can_wait_for_an_approval_by_certain_people(tester: KindTester) -> None:
    recipients = ["ann@example.org", "bob@example.org"]
    task_id = await tester.enqueue("sample.task", {"hold": "approval", "recipients": recipients})
    assert await tester.run(task_id) == "pending_approval"
    assert (await tester.question(task_id)).recipients == recipients
    await tester.decide(task_id, approve=True, form={"remark": "well done"})
    assert await tester.run(task_id) == "succeeded"
    assert (await tester.result(task_id))["answer"] == "well done"


async def test_several_people_can_have_to_agree(tester: KindTester) -> None:
    people = ["ann@example.org", "bob@example.org", "cid@example.org"]
    payload = {"hold": "approval", "recipients": people, "needed": 2}
    task_id = await tester.enqueue("sample.task", payload)
    assert await tester.run(task_id) == "pending_approval"
    await tester.approve(task_id, by=people[0])
    question = await tester.question(task_id)
    assert (question.needed, question.approved) == (2, (people[0],))
    await tester.reject(task_id, by=people[1])
    assert await tester.run(task_id) == "pending_approval"
    await tester.approve(task_id, by=people[2])
    assert await tester.run(task_id) == "succeeded"


async def test_what_can_never_be_agreed_on_is_a_permanent_error(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {"hold": "approval", "recipients": ["a@example.org"], "needed": 2})
    assert await tester.run(task_id) == "dead_letter"
    assert "needs 2 different people and asks 1" in str((await tester.task(task_id)).reason)


async def test_in_production_it_mails_nobody_who_has_not_been_let_in(database: Database, settings: Settings) -> None:
    production = msgspec.structs.replace(settings, environment="production")
    async with KindTester(database, production) as tester:
        await tester.person("ann@example.org")
        for recipients, state in ((["ann@example.org"], "pending_approval"), (["eve@example.org"], "dead_letter")):
            task_id = await tester.enqueue("sample.task", {"hold": "approval", "recipients": recipients})
            assert await tester.run(task_id) == state
        assert "eve@example.org" in str((await tester.task(task_id)).reason)
        # Of a member it asks that member, whatever other addresses would tell by their outcome.
        member = await tester.person("bob@example.org")
        for recipient, state in (
            ("Bob+x@example.org", "pending_approval"),
            ("ann@example.org", "dead_letter"),
            ("eve@example.org", "dead_letter"),
        ):
            payload = {"hold": "approval", "recipients": [recipient]}
            task_id = await tester.enqueue("sample.task", payload, owner_id=member)
            assert await tester.run(task_id) == state
            assert recipient not in str((await tester.task(task_id)).reason)


async def test_an_approval_can_be_rejected_or_expire(tester: KindTester) -> None:
    rejected = await tester.enqueue("sample.task", {"hold": "approval"}, owner_id=await tester.person())
    await tester.run(rejected)
    await tester.decide(rejected, approve=False, reason="No time.")
    assert (await tester.task(rejected)).state == "rejected"

    expired = await tester.enqueue("sample.task", {"hold": "approval"}, owner_id=await tester.person())
    await tester.run(expired)
    await tester.expire(expired)
    assert (await tester.task(expired)).state == "expired"


@pytest.mark.parametrize(
    ("hold", "state", "form", "answer"),
    [("input", "needs_input", {"word": "plover"}, "plover"), ("sign-in", "needs_auth", {}, "tester@example.org")],
)
async def test_it_can_wait_for_its_owner(
    tester: KindTester, hold: str, state: str, form: dict[str, str], answer: str
) -> None:
    task_id = await tester.enqueue("sample.task", {"hold": hold}, owner_id=await tester.person("own@example.org"))
    assert await tester.run(task_id) == state
    assert (await tester.question(task_id)).recipients == ["own@example.org"]
    await tester.decide(task_id, form=form)
    assert (await tester.task(task_id)).priority == 100
    assert await tester.run(task_id) == "succeeded"
    assert (await tester.result(task_id))["answer"] == answer


@pytest.mark.parametrize(
    "payload",
    [
        {"steps": -1},
        {"steps": 1001},
        {"seconds": 601},
        {"fail_times": "two"},
        {"hold": "maybe"},
        {"recipients": ["nobody"]},
        {"recipients": [f"p{n}@example.org" for n in range(21)]},
        {"stpes": 1},
    ],
)
async def test_a_payload_out_of_bounds_is_refused(tester: KindTester, payload: dict[str, object]) -> None:
    with pytest.raises(PayloadMismatch):
        await tester.enqueue("sample.task", payload)


async def test_asking_a_task_that_asks_nothing_says_so(tester: KindTester) -> None:
    task_id = await tester.enqueue("sample.task", {})
    with pytest.raises(LookupError, match="it is queued"):
        await tester.decide(task_id)


async def test_tasks_of_the_kind_that_come_first_are_tried_first(tester: KindTester) -> None:
    first, second = [await tester.enqueue("sample.task", {}) for _ in range(2)]
    assert await tester.run(second) == "succeeded"
    assert (await tester.task(first)).state == "succeeded"
    assert isinstance(first, UUID)
