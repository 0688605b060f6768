"""One task's page: its story, a retry with another payload, resolving; and a new task by the form of its kind."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import select, update

import holdgate.kinds.http_request
import holdgate.kinds.image_process  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from holdgate.web import zone
from tests.elements import elements, texts
from tests.factories.approvals import decided, principal, put_question
from tests.factories.bulk import buried
from tests.factories.people import Browser, words
from tests.factories.site import browser_of
from tests.factories.tasks import make_task
from tests.factories.workers import task_of

SECRET = "Bearer abcdefghijklm"
CALL = {"url": "http://127.0.0.1:9/", "headers": {"Authorization": SECRET, "X-A": "b"}, "timeout": 3}


async def dead_call(database: Database, owner: Principal, state: TaskState = TaskState.DEAD_LETTER) -> UUID:
    return await make_task(database, state, kind="http.request", payload=CALL, owner_id=owner.id)


async def last_event(database: Database, task_id: UUID) -> TaskEvent:
    async with database.read() as session:
        found = await session.execute(
            select(TaskEvent).where(TaskEvent.task_id == task_id).order_by(TaskEvent.id.desc()).limit(1)
        )
        return found.scalar_one()


async def test_mails_questions_and_decisions_stand_in_one_story_with_the_receipt(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings)
    owner = await principal(database)
    async with browser_of(transport, owner) as browser:
        sent = await browser.send_form(
            f"/approvals/{asked.approval_id}/decision",
            {"version": asked.version, "answer.wish": "typed", "decision": "approve"},
        )
        assert sent.status_code == 303, words(sent)
        page = await browser.get(f"/tasks/{asked.task_id}")
    said = words(page)
    order = [
        "Queued",
        "Attempt 1 started",
        "Approval requested: May it go on?",
        "Email delivered to owner@example.org",
        "Approved",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    assert f'href="/approvals/{asked.approval_id}/receipt"' in page.text
    assert "queued" in said and "ran" in said and "on hold" in said
    assert said.count("Approved") == 1  # told once, by the question's own trail


async def test_a_task_names_its_run_and_the_next_of_its_error(
    database: Database, member: Browser, ann: Principal
) -> None:
    async with database.write(ann.actor) as session:
        run_id = await start_run(session, ann, "The autumn run", [TaskRequest(kind="test.nothing", payload={})])
        task_id = (await session.execute(select(Task.id).where(Task.run_id == run_id))).scalar_one()
    page = await member.get(f"/tasks/{task_id}")
    assert texts(page, "a", href=f"/runs/{run_id}") == ["The autumn run"]
    first, second = await buried(database, 2, owner_id=ann.id)
    for here, there in ((first, second), (second, first)):
        assert elements(await member.get(f"/tasks/{here}"), "a", href=f"/tasks/{there}", data_next_alike=True)


async def test_the_next_of_the_same_error_is_never_another_owners(
    database: Database, member: Browser, ann: Principal
) -> None:
    eve = await principal(database, "eve@example.org")
    owners = (ann, eve, ann, eve)
    first, of_eve, second, newest = [(await buried(database, 1, owner_id=owner.id))[0] for owner in owners]
    for here, there in ((second, first), (first, second)):  # on to an older one, and from the oldest to the newest
        page = await member.get(f"/tasks/{here}")
        assert elements(page, "a", href=f"/tasks/{there}", data_next_alike=True)
        assert str(of_eve) not in page.text and str(newest) not in page.text


async def test_a_dead_letter_is_resolved_with_a_note_and_only_by_its_owner(
    database: Database, member: Browser, transport: httpx.ASGITransport, ann: Principal
) -> None:
    [task_id] = await buried(database, 1, owner_id=ann.id)
    async with browser_of(transport, await principal(database, "eve@example.org")) as eve:
        assert (await eve.send_form(f"/tasks/{task_id}/resolve", {"note": "x"})).status_code == 404
    assert (await member.send_form(f"/tasks/{task_id}/resolve", {"note": "n" * 501})).status_code == 422
    assert (await member.send_form(f"/tasks/{task_id}/resolve", {"note": "By telephone"})).status_code == 303
    assert "By telephone" in words(await member.get(f"/tasks/{task_id}"))
    assert (await member.send_form(f"/tasks/{task_id}/resolve", {"note": "again"})).status_code == 409


async def test_a_retry_with_another_payload_keeps_secrets_and_is_written_into_the_log(
    database: Database, member: Browser, ann: Principal
) -> None:
    task_id = await dead_call(database, ann)
    form = await member.get(f"/tasks/{task_id}/edit")
    assert "abcdefghijklm" not in form.text
    sent = {
        "p.url": "http://127.0.0.1:9/b",
        "p.method": "GET",
        "p.headers": '{"Authorization": "[hidden]", "X-A": "c"}',
        "p.timeout": "3",
    }
    leak = await member.send_form(f"/tasks/{task_id}/edit", {**sent, "p.url": "http://127.0.0.1:10/"})
    assert leak.status_code == 422
    assert (await task_of(database, task_id)).payload == CALL
    done = await member.send_form(f"/tasks/{task_id}/edit", sent)
    assert done.status_code == 303, words(done)
    task = await task_of(database, task_id)
    assert task.state == "queued"
    assert task.payload["headers"] == {"Authorization": SECRET, "X-A": "c"}
    assert task.payload["url"] == "http://127.0.0.1:9/b"
    event = await last_event(database, task_id)
    assert (event.verb, event.actor) == ("retry", ann.actor)
    assert event.data == {
        "payload": [
            {"path": "url", "before": "http://127.0.0.1:9/", "after": "http://127.0.0.1:9/b"},
            {"path": "headers.X-A", "before": "b", "after": "c"},
        ]
    }
    page = await member.get(f"/tasks/{task_id}")
    assert "http://127.0.0.1:9/" in texts(page, "dl", class_="timeline-more changes")[0]
    assert "abcdefghijklm" not in page.text
    assert (await member.send_form(f"/tasks/{task_id}/edit", sent)).status_code == 409


async def test_a_retry_with_what_does_not_fit_is_refused_and_keeps_what_was_typed(
    database: Database, member: Browser, ann: Principal
) -> None:
    task_id = await dead_call(database, ann, TaskState.CANCELLED)
    for sent, sentence in (
        ({"p.url": "http://typed.example/", "p.timeout": "soon"}, "Must be a number"),
        ({"p.url": "http://typed.example/", "p.text": "a", "p.json": "1"}, "not both"),
        ({"p.url": "http://typed.example/?token=[hidden]"}, "Leave [hidden]"),
        ({"payload": '{"url": "http://typed.example/", "nonsense": 1}'}, "unknown field"),
        ({"payload": '["http://typed.example/"]'}, "Not a JSON object"),
    ):
        refused = await member.send_form(f"/tasks/{task_id}/edit", sent)
        assert refused.status_code == 422, words(refused)
        assert sentence in words(refused)
        assert "http://typed.example/" in refused.text
    task = await task_of(database, task_id)
    assert (task.state, task.payload) == ("cancelled", CALL)


@pytest.mark.parametrize("again", [False, True])
async def test_whether_finished_steps_run_again_with_another_payload_is_for_a_person_to_say(
    database: Database, member: Browser, ann: Principal, again: bool
) -> None:
    task_id = await dead_call(database, ann)
    async with database.write("system") as session:
        session.add(TaskStep(task_id=task_id, name="send", attempt=1, result={"ok": True}))
    sent = {"payload": '{"url": "http://127.0.0.1:10/"}'}
    assert " checked" not in (await member.get(f"/tasks/{task_id}/edit")).text
    refused = await member.send_form(f"/tasks/{task_id}/edit", sent)
    assert (refused.status_code, (await task_of(database, task_id)).payload) == (422, CALL)
    assert texts(refused, id="f-again-error")
    sent["again"] = "true" if again else "false"
    assert (await member.send_form(f"/tasks/{task_id}/edit", sent)).status_code == 303
    async with database.read() as session:
        left = (await session.execute(select(TaskStep.name).where(TaskStep.task_id == task_id))).scalars().all()
    assert list(left) == ([] if again else ["send"])


async def test_nobody_edits_what_runs_what_is_somebody_elses_or_a_mail(
    database: Database, member: Browser, transport: httpx.ASGITransport, ann: Principal
) -> None:
    running = await dead_call(database, ann, TaskState.RUNNING)
    assert (await member.get(f"/tasks/{running}/edit")).status_code == 409
    assert (await member.send_form(f"/tasks/{running}/edit", {"payload": "{}"})).status_code == 409
    mail = {"template": "sign_in", "to": "a@example.org", "data": {}}
    letter = await make_task(database, TaskState.DEAD_LETTER, kind="email.send", payload=mail, owner_id=ann.id)
    assert (await member.send_form(f"/tasks/{letter}/edit", {"payload": "{}"})).status_code == 409
    dead = await dead_call(database, ann)
    async with browser_of(transport, await principal(database, "eve@example.org")) as eve:
        assert (await eve.get(f"/tasks/{dead}/edit")).status_code == 404
        assert (await eve.send_form(f"/tasks/{dead}/edit", {"payload": "{}"})).status_code == 404


async def test_a_new_task_is_made_by_the_form_of_its_kind(database: Database, member: Browser) -> None:
    page = await member.get("/tasks/new?kind=image.process")
    assert 'name="p.crop.left"' in page.text
    sent = {"p.url": "https://example.org/x.png", "p.resize.width": "100", "p.resize.fit": "cover", "p.quality": ""}
    made = await member.send_form("/tasks", {"kind": "image.process", **sent})
    assert made.status_code == 303, words(made)
    task = await task_of(database, UUID(made.headers["location"].rsplit("/", 1)[1]))
    assert task.payload["url"] == "https://example.org/x.png"
    assert task.payload["resize"]["width"] == 100
    assert "crop" not in task.payload


async def test_a_new_task_that_does_not_fit_says_so_beside_each_field_and_keeps_everything(member: Browser) -> None:
    sent = {
        "kind": "sample.task",
        "title": "my title",
        "p.steps": "many",
        "p.recipients": "nobody",
        "p.permanent": "true",
        "priority": "9000",
        "run_at": "soon",
    }
    refused = await member.send_form("/tasks", sent)
    assert refused.status_code == 422
    for field in ("f-p.steps", "f-p.recipients", "f-priority", "f-run_at"):
        assert f'id="{field}-error"' in refused.text
    for typed in ("my title", "many", "nobody", "9000", "soon"):
        assert typed in refused.text
    assert 'id="f-p.permanent" name="p.permanent" value="true" checked' in refused.text


async def test_the_times_of_a_new_task_are_those_of_whoever_fills_it_in(database: Database, member: Browser) -> None:
    member.cookies.set("hg_zone", "Europe%2FVienna")
    sent = {"kind": "sample.task", "run_at": "2031-07-01T09:00", "deadline": "2031-12-01T09:00", "max_attempts": "7"}
    made = await member.send_form("/tasks", sent)
    assert made.status_code == 303, words(made)
    task = await task_of(database, UUID(made.headers["location"].rsplit("/", 1)[1]))
    assert task.run_at == datetime(2031, 7, 1, 7, tzinfo=UTC)
    assert task.deadline_at == datetime(2031, 12, 1, 8, tzinfo=UTC)
    assert (task.state, task.max_attempts) == ("scheduled", 7)


def test_an_hour_that_the_clocks_leave_out_is_refused() -> None:
    with pytest.raises(ValueError, match="That time doesn’t exist"):
        zone.moment("2031-03-30T02:30", ZoneInfo("Europe/Vienna"))


async def test_nobody_shortens_the_time_in_which_an_approval_can_be_undone_though_the_priority_is_another_now(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asked = await decided(database, settings, take_back=timedelta(minutes=5))
    here = f"/tasks/{asked.task_id}"
    async with browser_of(transport, await principal(database)) as owner:
        for _ in range(2):
            assert not elements(await owner.get(here), "form", action=f"{here}/run-now")
            assert (await owner.send_form(f"{here}/run-now", {})).status_code == 409
            assert (await owner.send_form(f"{here}/priority", {"priority": "700"})).status_code == 303
    assert (await task_of(database, asked.task_id)).state == "scheduled"


async def test_a_task_is_started_now_once_more_earlier_and_compared(
    database: Database, member: Browser, ann: Principal
) -> None:
    first = await make_task(database, TaskState.SCHEDULED, owner_id=ann.id)
    page = await member.get(f"/tasks/{first}")
    assert elements(page, "form", action=f"/tasks/{first}/run-now")
    assert (await member.send_form(f"/tasks/{first}/priority", {"priority": "700"})).status_code == 303
    assert (await member.send_form(f"/tasks/{first}/priority", {"priority": "high"})).status_code == 422
    assert (await member.send_form(f"/tasks/{first}/run-now", {})).status_code == 303
    started = await task_of(database, first)
    assert (started.state, started.priority) == ("queued", 700)
    assert (await member.send_form(f"/tasks/{first}/run-now", {})).status_code == 409
    made = (await member.send_form(f"/tasks/{first}/run-again", {})).headers["location"].rpartition("/")[2]
    again = await task_of(database, UUID(made))
    assert (again.kind, again.payload, again.state) == (started.kind, started.payload, "queued")
    compared = await member.get(f"/tasks/compare?id={first}&id={made}")
    differ = " ".join(row.text for row in elements(compared, "tr", data_differs=True))
    assert "Attempts" in differ
    assert "test.nothing" not in differ, "the same kind"
    for ids in (f"id={first}", f"id={first}&id={made}&id={first}"):
        refused = await member.get(f"/tasks/compare?{ids}")
        assert (refused.status_code, "exactly two" in refused.text) == (422, True), ids
    assert elements(await member.get("/tasks"), "button", formaction="/tasks/compare")


async def test_a_duplicate_keeps_its_payload_in_both_forms_or_says_that_it_is_too_large(
    database: Database, member: Browser, ann: Principal
) -> None:
    page = await member.get(f"/tasks/new?copy={await dead_call(database, ann)}")
    links = (str(link["href"]) for link in elements(page, "a", href=True))
    [as_json] = [link for link in links if "view=json" in link]
    assert str(CALL["url"]) in (await member.get(as_json)).text
    assert not elements(page, data_notice="too-long")
    large = {**CALL, "headers": {f"X-{n}": "b" * 8000 for n in range(9)}}
    too_long = await make_task(database, kind="http.request", payload=large, owner_id=ann.id)
    assert elements(await member.get(f"/tasks/new?copy={too_long}"), data_notice="too-long")


async def test_the_error_stands_on_top_once_and_a_success_has_none(
    database: Database, member: Browser, ann: Principal
) -> None:
    [task_id] = await buried(database, 1, "Out of paper.", owner_id=ann.id)
    page = await member.get(f"/tasks/{task_id}")
    order = [each["id"] for each in elements(page, "section", id=True)]
    assert order.index("error") < order.index("history")
    assert texts(page, "ol", aria_label="Timeline")[0].count("Out of paper.") == 1, (
        "as the reason, not as a second error"
    )
    assert [each["data-state"] for each in elements(page, "li", data_state=True)][:2] == ["queued", "running"]
    assert not elements(page, "div", class_="notice")
    error = {"type": "PrinterError", "message": "Out of paper.", "traceback": ""}
    progress = {"done": 1, "total": 2, "note": ""}
    for state, reason, told in (
        (TaskState.RETRYING, "Attempt 1 of 3 failed: Out of paper.", False),
        (TaskState.DEAD_LETTER, "Its deadline has passed.", True),  # the error is an earlier attempt's
    ):
        other = await make_task(database, state, owner_id=ann.id)
        async with database.write("system") as session:
            await session.execute(
                update(Task).where(Task.id == other).values(error=error, reason=reason, progress=progress)
            )
        page = await member.get(f"/tasks/{other}")
        notices = texts(page, class_="notice")
        assert bool(elements(page, class_="progress")) is (state is TaskState.RETRYING), "a bar only while it may move"
        assert any(reason in notice for notice in notices) is told, notices
    done = await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    async with database.write("system") as session:
        await session.execute(update(Task).where(Task.id == done).values(error={"type": "X", "message": "old"}))
    assert not elements(await member.get(f"/tasks/{done}"), "section", id="error")
