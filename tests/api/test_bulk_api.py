"""Bulk actions for programs: counted, started, followed, stopped, taken back; and the redrive."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from holdgate.bulk.errors import NotWaiting
from holdgate.tasks.states import TaskState
from tests.factories.bulk import beat, buried, fail, finish
from tests.factories.programs import OWNER, V1, Api, is_problem, make_task
from tests.factories.tasks import make_task as task_in
from tests.factories.workers import task_of

BULK = f"{V1}/bulk"
PREVIEW = f"{BULK}/preview"


async def started(program: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """A bulk action on sample tasks, as a program reads it."""
    wanted = {"filter": {"kind": "sample.task"}, "expected": 100, **body}
    answer = await program.post(BULK, json=wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = (await program.get(answer.headers["location"])).json()
    assert found["id"] == answer.json()["id"]
    return found


async def test_what_a_verb_would_change_is_counted_by_state_and_nothing_is_changed(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    for state in (TaskState.QUEUED, TaskState.QUEUED, TaskState.PAUSED, TaskState.SUCCEEDED):
        await task_in(api.database, state, owner_id=owner.id)
    await task_in(api.database)  # somebody else's
    answer = await program.post(PREVIEW, json={"verb": "cancel", "filter": {"kind": "test.nothing"}})
    found = answer.json()
    assert (found["total"], found["by_state"]) == (3, {"queued": 2, "paused": 1})
    named = {"verb": "cancel", "filter": {"kind": "test.nothing", "state": ["paused", "succeeded"]}}
    assert (await program.post(PREVIEW, json=named)).json()["by_state"] == {"paused": 1}
    impossible = {"verb": "cancel", "filter": {"state": ["succeeded"]}}
    is_problem(await program.post(PREVIEW, json=impossible), 422)
    assert await api.sql("SELECT 1 FROM bulk_actions") == []


async def test_an_action_is_started_once_for_a_key_and_followed_to_its_end(api: Api) -> None:
    program = await api.program()
    tasks = [await make_task(program) for _ in range(3)]
    asked = {"verb": "cancel", "filter": {"kind": "sample.task"}}
    counted = (await program.post(PREVIEW, json=asked)).json()
    body = {**asked, "expected": counted["total"], "at": counted["at"]}
    made = await program.post(BULK, json=body, headers={"Idempotency-Key": "one"})
    assert (made.status_code, made.json()["total"]) == (201, 3)
    again = await program.post(BULK, json=body, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (200, made.json())
    where = made.headers["location"]
    assert (await program.get(where)).json()["state"] == "running"
    later = await make_task(program)
    await finish(api.database)
    action = (await program.get(where)).json()
    assert (action["state"], action["total"], action["done"], action["skipped"]) == ("finished", 3, 3, 0)
    assert [(each["to_state"], each["actor"]) for each in action["events"]] == [
        ("running", f"user:{OWNER}"),
        ("finished", "system"),
    ]
    assert {(await task_of(api.database, task)).state for task in tasks} == {"cancelled"}
    assert (await task_of(api.database, later)).state == "queued"
    [listed] = (await program.get(BULK)).json()["items"]
    assert listed == {name: value for name, value in action.items() if name not in ("events", "undo")}


async def test_when_more_match_than_expected_nothing_is_done_but_with_the_time_of_counting_they_are_left_out(
    api: Api,
) -> None:
    program = await api.program()
    await make_task(program)
    asked = {"verb": "cancel", "filter": {"kind": "sample.task"}}
    counted = (await program.post(PREVIEW, json=asked)).json()
    await make_task(program)
    is_problem(await program.post(BULK, json={**asked, "expected": 1}), 409)
    assert await api.sql("SELECT 1 FROM bulk_actions") == []
    made = await program.post(BULK, json={**asked, "expected": 1, "at": counted["at"]})
    assert (made.status_code, made.json()["total"]) == (201, 1)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"verb": "explode"}, "#/verb"),
        ({"expected": 0}, "#/expected"),
        ({"expected": None}, "#/expected"),
        ({"verb": "prioritise"}, "#/priority"),
        ({"priority": 7}, "#/priority"),
        ({"canary": True}, None),
        ({"note": "x" * 501, "verb": "resolve"}, "#/note"),
        ({"at": "0001-01-01T00:00:00Z"}, "#/at"),
        ({"at": "2026-01-01T00:00:00"}, "#/at"),
        ({"filter": {"state": [""]}}, "#/filter/state/0"),
        ({"filter": {"state": ["queued,running"]}}, "#/filter/state/0"),
        ({"filter": {"kind": "  "}}, "#/filter/kind"),
        ({"filter": {"kind": ""}}, "#/filter/kind"),
        ({"filter": {"created_after": "yesterday"}}, "#/filter/created_after"),
        ({"filter": {"fingerprint": "x"}}, "#/filter/fingerprint"),
        ({"filter": {"no_such": "x"}}, "#/filter"),
        ({"filter": {"kind": "no.such.kind"}}, None),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(api: Api, body: dict[str, Any], place: str | None) -> None:
    program = await api.program()
    await make_task(program)
    problem = is_problem(await program.post(BULK, json={"verb": "cancel", "filter": {}, "expected": 9, **body}), 422)
    places = [error["pointer"] for error in problem.get("errors", ())]
    assert (places and places[0].startswith(place)) if place else not places, problem
    assert await api.sql("SELECT 1 FROM bulk_actions") == []


async def test_an_age_of_a_hundred_years_begins_where_time_does(api: Api) -> None:
    program = await api.program()
    await make_task(program)
    wanted = {"kind": "sample.task", "created_after": "36500d"}
    assert (await started(program, verb="cancel", filter=wanted))["total"] == 1


async def test_a_priority_and_a_note_reach_the_tasks(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    task = await make_task(program)
    [dead] = await buried(api.database, 1, owner_id=owner.id)
    await started(program, verb="prioritise", priority=700)
    await started(program, verb="resolve", filter={"ids": [str(dead)]}, note="Known.", expected=1)
    await finish(api.database)
    assert (await task_of(api.database, task)).priority == 700
    assert (await task_of(api.database, dead)).resolution == "Known."


async def test_an_action_is_stopped_and_what_is_done_stays_done(api: Api) -> None:
    program = await api.program()
    task = await make_task(program)
    action = await started(program, verb="cancel")
    stopped = await program.post(f"{BULK}/{action['id']}/stop")
    assert stopped.json() == {"id": action["id"], "state": "stopped"}
    await finish(api.database)
    assert (await task_of(api.database, task)).state == "queued"
    for verb in ("stop", "continue", "undo"):
        is_problem(await program.post(f"{BULK}/{action['id']}/{verb}"), 409)


async def test_an_action_that_is_under_way_cannot_be_told_to_go_on(api: Api) -> None:
    program = await api.program()
    await make_task(program)
    action = await started(program, verb="cancel")
    assert is_problem(await program.post(f"{BULK}/{action['id']}/continue"), 409)["detail"] == str(NotWaiting())


async def test_what_was_cancelled_is_taken_back_and_nothing_else(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    before = await task_in(api.database, TaskState.CANCELLED, owner_id=owner.id)
    task = await make_task(program)
    action = await started(program, verb="cancel")
    assert action["undo"] is None  # still under way
    is_problem(await program.post(f"{BULK}/{action['id']}/undo"), 409)
    await finish(api.database)
    offered = (await program.get(f"{BULK}/{action['id']}")).json()["undo"]
    assert offered == {"verb": "retry", "filter": {"state": ["cancelled"], "bulk": action["id"]}, "priority": None}
    back = await program.post(f"{BULK}/{action['id']}/undo")
    assert (back.status_code, back.json()["total"]) == (201, 1)
    await finish(api.database)
    assert (await task_of(api.database, task)).state == "queued"
    assert (await task_of(api.database, before)).state == "cancelled"
    # Nothing is left to take back, and a retry leads nowhere back.
    is_problem(await program.post(f"{BULK}/{action['id']}/undo"), 422)
    is_problem(await program.post(f"{BULK}/{back.json()['id']}/undo"), 409)


async def test_a_priority_is_what_it_was(api: Api) -> None:
    program = await api.program()
    task = await make_task(program, priority=70)
    action = await started(program, verb="prioritise", priority=900)
    await finish(api.database)
    assert (await program.get(f"{BULK}/{action['id']}")).json()["undo"]["priority"] == 70
    assert (await program.post(f"{BULK}/{action['id']}/undo")).status_code == 201
    await finish(api.database)
    assert (await task_of(api.database, task)).priority == 70


async def test_a_redrive_of_an_error_waits_for_a_program_and_goes_on(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    dead = await buried(api.database, 4, owner_id=owner.id)
    await buried(api.database, 2, "Something else altogether.", owner_id=owner.id)
    fingerprint = (await task_of(api.database, dead[0])).fingerprint
    assert fingerprint
    wanted = {"state": ["dead_letter"], "fingerprint": fingerprint}
    action = await started(program, verb="retry", filter=wanted, canary=True, expected=4)
    where = f"{BULK}/{action['id']}"
    assert (action["canary"], action["total"]) == (True, 4)
    assert action["words"] == ["in the state Failed", f"with the error {fingerprint}"]
    now = datetime.now(UTC)
    for later in range(1, 4):
        while await beat(api.database, now + timedelta(minutes=later)):
            pass
        out = [row[0] for row in await api.sql("SELECT id FROM tasks WHERE state = 'queued'")]
        if later == 1:
            assert len(out) == 1
            await fail(api.database, out, "This is new.")
    waiting = (await program.get(where)).json()
    assert (waiting["state"], waiting["done"], waiting["step"]) == ("waiting", 1, 1)
    assert waiting["reason"].startswith("The whole batch failed")
    assert (await program.post(f"{where}/continue")).json() == {"id": action["id"], "state": "running"}
    while await beat(api.database, now + timedelta(minutes=9)):
        pass
    assert (await program.get(where)).json()["done"] == 4


async def test_anothers_filter_by_ids_changes_nothing_of_theirs(api: Api) -> None:
    program, other = await api.program(), await api.program("other@example.org")
    task = await make_task(program)
    wanted = {"verb": "cancel", "filter": {"ids": [str(task)]}}
    assert (await other.post(PREVIEW, json=wanted)).json()["total"] == 0
    is_problem(await other.post(BULK, json={**wanted, "expected": 1}), 422)
    assert await api.sql("SELECT 1 FROM bulk_actions") == []
