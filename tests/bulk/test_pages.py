"""List → confirm → do → follow, by forms alone; groups of dead letters; and refusals that lose nothing."""

import re
from html import unescape
from urllib.parse import urlencode
from uuid import UUID

import httpx
from sqlalchemy import text

from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.stats.counts import counts_by_run, counts_by_state
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState, TaskVerb
from tests.elements import alerts, elements, texts
from tests.factories.bulk import action_of, beat, buried, confirm, fail, finish, start
from tests.factories.people import HTMX, Browser, add_user, is_empty, words
from tests.factories.site import browser_of, hidden
from tests.factories.tasks import make_task
from tests.factories.workers import task_of

NOTE = "Done by telephone."


async def test_all_that_match_a_filter_are_retried_by_forms_alone(
    database: Database, member: Browser, ann: Principal
) -> None:
    mine = [await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id, queue="slow") for _ in range(3)]
    other = await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id)
    listed = await member.get("/tasks?state=dead_letter&queue=slow")
    assert "3" in texts(listed, "details", data_matching=True)[0].split()
    [way] = re.findall(r'href="(/bulk/new\?verb=retry[^"]*)"', listed.text)
    page = await member.get(unescape(way))
    said = words(page)
    assert "Retry 3 tasks" in said
    assert "in the state Failed" in said
    assert "in the queue slow" in said
    done = await confirm(member, page)
    assert done.status_code == 303
    address = done.headers["location"]
    progress = words(await member.get(address))
    assert "0 of 3 retried, 3 left" in progress.replace("  ", " ")
    await finish(database)
    assert "3 retried" in words(await member.get(address))
    assert "data-live" not in (await member.get(address)).text
    assert [(await task_of(database, id)).state for id in (*mine, other)] == ["queued"] * 3 + ["dead_letter"]
    assert "Retry 3 tasks" in words(await member.get("/bulk"))


async def test_the_failed_tasks_of_a_run_are_run_again_from_its_page(
    database: Database, member: Browser, ann: Principal
) -> None:
    async with database.write(ann.actor) as session:
        tasks = [TaskRequest(kind="test.nothing", payload={})] * 3
        run, other = await start_run(session, ann, "March", tasks), await start_run(session, ann, "April", tasks)
        of_runs = Task.run_id.in_([run, other])
        await move_tasks(session, TaskVerb.BURY, of_runs, reason="It failed.", error="ValueError")
    page = await member.get(f"/runs/{run}")
    link = re.search(r'href="([^"]*)"[^>]*>Retry failed<', page.text)
    assert link, words(page)
    asked = await member.get(unescape(link[1]))
    assert "Retry 3 tasks" in words(asked)
    assert f'<a href="/runs/{run}">of one run</a>' in asked.text and str(run) not in words(asked)
    await confirm(member, asked)
    await finish(database)
    async with database.read() as session:
        counts = await counts_by_run(session, [run, other])
    assert counts == {run: {"queued": 3}, other: {"dead_letter": 3}}
    shown = await member.get(f"/runs/{run}")
    assert not elements(shown, "a", href=f"/bulk/new?verb=retry&state=dead_letter&run_id={run}")


async def test_only_the_ticked_ones_are_touched(database: Database, member: Browser, ann: Principal) -> None:
    one, two, three = [await make_task(database, TaskState.QUEUED, owner_id=ann.id) for _ in range(3)]
    query = urlencode([("which", "selected"), ("verb", "cancel"), ("state", "queued"), ("id", one), ("id", two)])
    page = await member.get(f"/bulk/new?{query}")
    assert elements(page, "input", name="expected", value="2")
    assert (await confirm(member, page)).status_code == 303
    await finish(database)
    assert [(await task_of(database, id)).state for id in (one, two, three)] == ["cancelled", "cancelled", "queued"]


async def test_what_is_selected_is_changed_at_once_and_undone_from_the_list_it_came_from(
    database: Database, member: Browser, ann: Principal
) -> None:
    one, two, left = [await make_task(database, TaskState.QUEUED, owner_id=ann.id) for _ in range(3)]
    done = await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    listed = await member.get("/tasks?queue=default&sort=priority")
    [way] = re.findall(r'formaction="(/bulk/selected/cancel[^"]*)"', listed.text)
    sent = await member.send_form(unescape(way), {"id": [str(one), str(two), str(done)]})
    assert (sent.status_code, sent.headers["location"]) == (303, "/tasks?queue=default&sort=priority")
    assert [(await task_of(database, id)).state for id in (one, two, left)] == ["cancelled", "cancelled", "queued"]
    assert (await task_of(database, done)).state == "succeeded", "the table of transitions has no way there"
    page = await member.get(sent.headers["location"])
    assert re.findall(r"\d+", texts(page, role="status", data_level="success")[0]) == ["2", "1"]
    [undo] = [form["action"] for form in elements(page, "form") if "/undo" in form.attributes.get("action", "")]
    assert (await member.send_form(undo)).headers["location"] == sent.headers["location"]
    assert [(await task_of(database, id)).state for id in (one, two, left)] == ["queued"] * 3
    assert "/undo" not in (await member.get(sent.headers["location"])).text, "a retry cannot be taken back"
    assert (await member.send_form(undo)).status_code in (409, 422), "it is undone once"


async def test_a_selection_in_which_nothing_can_be_changed_says_so_in_the_list(
    database: Database, member: Browser, ann: Principal, transport: httpx.ASGITransport
) -> None:
    task = await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    other = await add_user(database, "other@example.org")
    theirs = await make_task(database, TaskState.QUEUED, owner_id=other.id)
    for verb, ids in (("retry", [task]), ("cancel", [theirs]), ("cancel", []), ("resume", ["x"])):
        sent = await member.send_form(f"/bulk/selected/{verb}", {"id": [str(each) for each in ids]})
        assert (sent.status_code, sent.headers["location"]) == (303, "/tasks")
        assert elements(await member.get("/tasks"), role="status", data_level="warning"), (verb, ids)
    assert (await task_of(database, theirs)).state == "queued"
    assert is_empty(await member.get("/bulk")), "nothing of it was begun"
    assert (await member.send_form("/bulk/selected/resolve", {"id": [str(task)]})).status_code == 404
    async with browser_of(transport, other) as owner:
        await owner.send_form("/bulk/selected/cancel", {"id": [str(theirs)]})
        undo = elements(await owner.get("/tasks"), "form", data_undo_flash=True)[0]["action"]
    assert (await member.send_form(undo)).status_code == 404, "somebody else's is undone by nobody else"
    assert (await task_of(database, theirs)).state == "cancelled"


async def test_the_states_are_called_as_everywhere_and_a_task_leads_to_the_action_that_changed_it(
    database: Database, transport: httpx.ASGITransport, member: Browser, ann: Principal
) -> None:
    task_id = await make_task(database, TaskState.QUEUED, owner_id=ann.id)
    page = await member.get("/bulk/new?verb=cancel&state=queued&state=pending_approval")
    assert {"Queued", "Waiting"} <= set(texts(page, "section", id="which")[0].split())
    action = (await confirm(member, page)).headers["location"]
    await finish(database)
    assert {"Queued", "Waiting"} <= set(texts(await member.get(action), "section", id="which")[0].split())
    mine = await member.get(f"/tasks/{task_id}")
    assert mine.text.count(f'<a href="{action}">Bulk action</a>') == 2, "in the notice and in the story"
    for page in (mine, await member.get("/tasks")):
        assert "Bulk action" in words(page) and action.rsplit("/")[-1] not in words(page)
    async with browser_of(transport, await add_user(database, "root@example.org", "admin")) as root:
        theirs = (await confirm(root, await root.get("/bulk/new?verb=retry&state=cancelled"))).headers["location"]
        await finish(database)
        assert theirs in (await root.get(f"/tasks/{task_id}")).text
    mine = await member.get(f"/tasks/{task_id}")
    assert theirs not in mine.text and "Bulk action" in words(mine), "somebody else's page is no link"


async def test_a_retry_is_not_called_done_before_it_is(database: Database, member: Browser, ann: Principal) -> None:
    task_id = await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id)
    page = await member.send_form(f"/tasks/{task_id}/retry", {}, follow_redirects=True)
    assert elements(page, data_level="info", role="status")
    assert "Done" not in words(page)


async def test_nothing_ticked_a_bad_filter_and_an_impossible_verb_are_said(member: Browser) -> None:
    for query, sentence in (
        ("verb=retry&which=selected", "No task is selected"),
        ("verb=retry&created_after=soon", "Write how long ago"),
        ("verb=retry&state=succeeded", "can’t be retried"),
    ):
        page = await member.get(f"/bulk/new?{query}")
        assert page.status_code == 422
        assert sentence in words(page)
        assert (await member.send_form(f"/bulk?{query}", {"expected": "1"})).status_code == 422
    assert (await member.get("/bulk/new?verb=explode")).status_code == 404
    assert is_empty(await member.get("/bulk/new?verb=retry"))


async def test_when_more_match_than_were_shown_it_is_asked_again(
    database: Database, member: Browser, ann: Principal
) -> None:
    running = await make_task(database, TaskState.RUNNING, owner_id=ann.id)
    await make_task(database, TaskState.QUEUED, owner_id=ann.id)
    page = await member.get("/bulk/new?verb=cancel&state=queued")
    async with database.write("worker:x") as session:
        await session.execute(
            text("UPDATE tasks SET state = 'queued', lease_expires_at = NULL WHERE id = :id"), {"id": running}
        )
    again = await confirm(member, page)
    assert again.status_code == 409
    assert re.findall(r"\d+", alerts(again)) == ["2", "1"]
    assert hidden(again.text, "expected") == "2"
    async with database.read() as session:
        assert await counts_by_state(session) == {"queued": 2}
    assert (await confirm(member, again)).status_code == 303


async def test_the_priority_is_asked_for_and_what_was_typed_is_kept(
    database: Database, member: Browser, ann: Principal
) -> None:
    task_id = await make_task(database, TaskState.QUEUED, owner_id=ann.id)
    page = await member.get("/bulk/new?verb=prioritise&state=queued")
    for wrong in ("", "1001", "high"):
        refused = await confirm(member, page, priority=wrong)
        assert refused.status_code == 422
        assert f'name="priority" value="{wrong}"' in refused.text
    assert (await confirm(member, page, priority="700")).status_code == 303
    await finish(database)
    assert (await task_of(database, task_id)).priority == 700
    detail = words(await member.get(f"/tasks/{task_id}"))
    assert "Priority changed from 50 to 700" in detail


async def test_dead_letters_are_grouped_by_error_and_a_group_is_resolved(
    database: Database, member: Browser, ann: Principal
) -> None:
    await buried(database, 3, "Posting 1 is gone.", owner_id=ann.id)
    await buried(database, 1, "Out of paper.", owner_id=ann.id)
    await buried(database, 2, "Posting 9 is gone.")
    page = await member.get("/dead-letters")
    said = words(page)
    assert "4 open, 2 errors" in said
    assert "Posting 1 is gone." in said
    assert "Out of paper." in said
    resolve = next(unescape(link) for link in re.findall(r'href="(/bulk/new[^"]*)"', page.text) if "resolve" in link)
    asked = await member.get(resolve)
    assert "Resolve 3 tasks" in words(asked)
    assert (await confirm(member, asked, note="Applied by hand.")).status_code == 303
    await finish(database)
    said = words(await member.get("/dead-letters"))
    assert "1 open, 1 error" in said
    assert "3 resolved" in said
    assert "Posting 1 is gone." not in said
    found = words(await member.get("/tasks?state=resolved"))
    assert "Resolved 3" in found
    assert "Failed 1" in found
    async with database.read() as session:
        assert await counts_by_state(session, ann.id) == {"resolved": 3, "dead_letter": 1}


async def test_a_resolved_one_is_retried_by_its_button_and_is_resolved_no_more(
    database: Database, member: Browser, ann: Principal
) -> None:
    [task_id] = await buried(database, 1, owner_id=ann.id)
    await start(database, ann, BulkVerb.RESOLVE, TaskFilter(ids=(task_id,)), note=NOTE)
    await finish(database)
    [history] = texts(await member.get(f"/tasks/{task_id}"), "section", id="history")
    assert NOTE in history
    assert "Marked resolved" in history
    assert (await member.send_form(f"/tasks/{task_id}/retry")).status_code == 303
    task = await task_of(database, task_id)
    assert (task.state, task.resolved_at, task.resolved_by, task.resolution) == ("queued", None, None, None)
    await fail(database, [task_id])
    async with database.read() as session:
        assert await counts_by_state(session) == {"dead_letter": 1}


async def test_a_redrive_is_followed_stopped_and_let_go_on_by_its_buttons(
    database: Database, member: Browser, ann: Principal
) -> None:
    await buried(database, 5, owner_id=ann.id)
    page = await member.get("/bulk/new?verb=redrive&state=dead_letter")
    assert re.findall(r"\d+", texts(page, data_steps=True)[0]) == ["1", "10", "100", "500"]
    address = (await confirm(member, page)).headers["location"]
    await beat(database)
    assert "1 of 5 retried" in words(await member.get(address))
    assert (await member.send_form(f"{address}/continue")).status_code == 409
    stopped = await member.send_form(f"{address}/stop")
    assert (stopped.status_code, stopped.headers["location"]) == (303, address)
    said = words(await member.get(address))
    assert "Stopped by ann@example.org." in said
    assert "1 of 5 retried, 4 left" in said
    assert (await member.send_form(f"{address}/stop")).status_code == 409


async def test_another_person_s_action_does_not_exist(
    database: Database, transport: httpx.ASGITransport, ann: Principal
) -> None:
    await buried(database, 2, owner_id=ann.id)
    action_id = await start(database, ann, BulkVerb.RETRY, TaskFilter(states=("dead_letter",)))
    async with browser_of(transport, await add_user(database, "eve@example.org")) as eve:
        assert (await eve.get(f"/bulk/{action_id}")).status_code == 404
        assert (await eve.send_form(f"/bulk/{action_id}/stop")).status_code == 404
        assert (await eve.send_form(f"/bulk/{action_id}/continue")).status_code == 404
        assert is_empty(await eve.get("/bulk"))
        assert is_empty(await eve.get("/dead-letters"))
        assert is_empty(await eve.get("/bulk/new?verb=retry&state=dead_letter"))
    assert (await action_of(database, action_id)).state == "running"


async def test_the_tabs_and_pages_of_a_filtered_list_keep_the_filter(
    database: Database, member: Browser, ann: Principal
) -> None:
    for n in range(60):
        await make_task(database, TaskState.QUEUED, owner_id=ann.id, title=f"Apply {n:02}", payload={"word": "blue"})
    first = await member.get("/tasks?q=Apply&payload=word:blue&state=queued")
    tabs = [unescape(link) for link in re.findall(r'<a href="(/tasks\?[^"]*)"', first.text)]
    assert tabs
    assert all(
        "payload=word" in link and "q=Apply" in link for link in tabs if "/tasks?" in link and "cursor" not in link
    )
    following = next(unescape(link) for link in re.findall(r'rel="next" href="([^"]*)"', first.text))
    second = await member.get(following)
    seen = [UUID(id) for page in (first, second) for id in re.findall(r'name="id" value="([^"]*)"', page.text)]
    assert len(seen) == len(set(seen)) == 60
    assert 'value="word:blue"' in second.text
    fragment = await member.get(following, headers=HTMX)
    assert fragment.text.strip().split("\n")[0] in second.text


async def test_a_bad_filter_shows_what_was_typed_and_no_tasks(
    database: Database, member: Browser, ann: Principal
) -> None:
    await make_task(database, TaskState.QUEUED, owner_id=ann.id, title="Unfiltered")
    page = await member.get("/tasks?payload=nothing&q=Unf&created_after=soon")
    assert page.status_code == 422
    assert "Unfiltered" not in words(page)
    assert 'value="nothing"' in page.text
    assert 'value="soon"' in page.text
    assert alerts(page)


async def test_the_overview_counts_open_dead_letters_only(database: Database, member: Browser, ann: Principal) -> None:
    ids = await buried(database, 3, owner_id=ann.id)
    await start(database, ann, BulkVerb.RESOLVE, TaskFilter(ids=tuple(ids[:2])))
    await finish(database)
    assert re.search(r"Failed\s+1\b", words(await member.get("/overview")))
