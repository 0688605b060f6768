"""Runs for programs: from postings, their time, their story, and re-running what has failed."""

from uuid import UUID

import pytest

from holdgate.runs import service
from holdgate.runs.states import RunVerb
from holdgate.tasks.states import TaskState
from tests.factories.approvals import put_question
from tests.factories.bulk import buried, finish, run
from tests.factories.postings import make_postings
from tests.factories.programs import OTHER, OWNER, V1, Api, is_problem
from tests.factories.workers import task_of

RUNS = f"{V1}/runs"
START = f"{RUNS}/from-postings"


async def subjects(api: Api, run_id: str) -> set[str]:
    rows = await api.sql("SELECT subject FROM tasks WHERE run_id = :run", run=UUID(run_id))
    return {row[0] for row in rows}


async def test_a_run_is_started_from_named_postings_once_for_a_key(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    first, second, _ = await make_postings(api.database, owner, "Clerk", "Smith", "Cook")
    body = {"name": "Monday", "postings": [str(first), str(second)]}
    made = await program.post(START, json=body, headers={"Idempotency-Key": "one"})
    assert made.status_code == 201
    done = made.json()
    assert (done["tasks"], done["skipped"], done["url"]) == (2, 0, made.headers["location"])
    assert await subjects(api, done["id"]) == {str(first), str(second)}
    again = await program.post(START, json=body, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (200, done)
    assert (await program.get(done["url"])).json()["total"] == 2


async def test_all_not_yet_applied_to_that_match_are_taken_and_those_under_way_left_out(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    clerk, other_clerk, smith = await make_postings(api.database, owner, "Clerk one", "Clerk two", "Smith")
    await api.sql("UPDATE postings SET applied_at = now() WHERE id = :id", id=smith)
    first = (await program.post(START, json={"name": "r", "postings": [str(clerk)]})).json()
    made = (await program.post(START, json={"name": "r", "matching": "clerk"})).json()
    assert (made["tasks"], made["skipped"]) == (1, 1)
    assert await subjects(api, made["id"]) == {str(other_clerk)}
    is_problem(await program.post(START, json={"name": "r", "matching": ""}), 422)
    forced = (await program.post(START, json={"name": "r", "postings": [str(smith)], "again": True})).json()
    assert (forced["tasks"], forced["skipped"]) == (1, 0)
    added = await program.post(f"{RUNS}/{first['id']}/postings", json={"matching": "clerk", "again": True})
    assert (added.status_code, added.json()["tasks"], added.json()["skipped"]) == (201, 1, 1)
    assert await subjects(api, first["id"]) == {str(clerk), str(other_clerk)}


async def test_what_does_not_fit_starts_no_run(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    [own] = await make_postings(api.database, owner, "Clerk")
    [theirs] = await make_postings(api.database, await api.person(OTHER), "Smith")
    is_problem(await program.post(START, json={"name": "r", "postings": [str(own), str(theirs)]}), 404)
    for body, pointer in (
        ({"name": "r"}, "#/postings"),
        ({"name": "  ", "postings": [str(own)]}, "#/name"),
        ({"name": "r", "postings": ["x"]}, "#/postings"),
        ({"name": "r", "all": True}, "#"),
    ):
        problem = is_problem(await program.post(START, json=body), 422)
        assert problem["errors"][0]["pointer"].startswith(pointer), (body, problem)
    assert await api.sql("SELECT 1 FROM runs") == []


async def test_postings_are_added_to_no_run_that_is_cancelled(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    first, second = await make_postings(api.database, owner, "Clerk", "Smith")
    run_id = (await program.post(START, json={"name": "r", "postings": [str(first)]})).json()["id"]
    where = f"{RUNS}/{run_id}/postings"
    is_problem(await program.post(where, json={"postings": [str(first)]}), 422)
    await program.post(f"{RUNS}/{run_id}/cancel")
    is_problem(await program.post(where, json={"postings": [str(second)]}), 409)


@pytest.mark.parametrize("canary", [False, True])
async def test_what_failed_of_a_run_is_run_again_by_a_bulk_action(api: Api, canary: bool) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    made = await program.post(RUNS, json={"name": "r", "tasks": [{"kind": "sample.task"}] * 2})
    run_id = UUID(made.json()["id"])
    failed = await buried(api.database, 2, run_id=run_id, owner_id=owner.id)
    [elsewhere] = await buried(api.database, 1, owner_id=owner.id)
    answer = await program.post(f"{RUNS}/{run_id}/retry-failed", json={"canary": canary})
    assert (answer.status_code, answer.json()["total"]) == (201, 2)
    action = (await program.get(answer.headers["location"])).json()
    assert (action["verb"], action["canary"]) == ("retry", canary)
    assert action["filter"] == {"state": ["dead_letter"], "run_id": str(run_id)}
    await finish(api.database)
    states = sorted([(await task_of(api.database, task)).state for task in failed])
    assert states == (["dead_letter", "queued"] if canary else ["queued", "queued"])
    assert (await task_of(api.database, elsewhere)).state == TaskState.DEAD_LETTER


async def test_nothing_of_a_cancelled_run_is_run_again_nor_of_one_without_failures(api: Api) -> None:
    program, owner = await api.program(), await api.person(OWNER)
    made = await program.post(RUNS, json={"name": "r", "tasks": [{"kind": "sample.task"}]})
    run_id = UUID(made.json()["id"])
    where = f"{RUNS}/{run_id}/retry-failed"
    is_problem(await program.post(where, json={}), 422)
    await buried(api.database, 1, run_id=run_id, owner_id=owner.id)
    async with api.database.write(owner.actor) as session:
        await service.act(session, owner, run_id, RunVerb.CANCEL)
    is_problem(await program.post(where, json={}), 409)
    assert await api.sql("SELECT 1 FROM bulk_actions") == []


async def test_a_runs_time_and_story_are_read(api: Api) -> None:
    program = await api.program()
    made = await program.post(RUNS, json={"name": "r", "tasks": [{"kind": "sample.task"}] * 3})
    run_id = UUID(made.json()["id"])
    [[task]] = await api.sql("SELECT id FROM tasks WHERE run_id = :run ORDER BY id LIMIT 1", run=run_id)
    await run(api.database, [task])
    times = (await program.get(f"{RUNS}/{run_id}/times")).json()
    assert (times["id"], times["finished_at"]) == (str(run_id), None)
    tasks = {stage: spent["tasks"] for stage, spent in times["stages"].items()}
    assert tasks == {"queue": 2, "work": 1, "people": 0, "later": 0}
    assert times["stages"]["queue"]["seconds"] > 0
    await program.post(f"{RUNS}/{run_id}/pause")
    await program.post(f"{RUNS}/{run_id}/resume")
    events = (await program.get(f"{RUNS}/{run_id}/events")).json()["items"]
    assert [(each["verb"], each["actor"]) for each in events] == [
        (verb, f"user:{OWNER}") for verb in ("started", "paused", "resumed")
    ]
    assert [each["id"] for each in events] == sorted(each["id"] for each in events)


async def test_a_run_tells_when_it_is_likely_done_and_how_many_people_it_waits_for(api: Api) -> None:
    program = await api.program()
    made = await program.post(RUNS, json={"name": "r", "tasks": [{"kind": "sample.task"}] * 4})
    run_id = UUID(made.json()["id"])
    new = {"likely_done_at": None, "ready": 4, "for_people": 0, "people": None, "for_later": 0, "paused": 0}
    assert (await program.get(f"{RUNS}/{run_id}")).json()["forecast"] == new
    await put_question(api.database, api.settings, run_id=run_id, recipients=("a@example.org", "b@example.org"))
    await api.sql("UPDATE runs SET created_at = now() - interval '1 hour'")
    await api.sql(
        "INSERT INTO run_minutes VALUES (:run, date_trunc('minute', now()) - interval '5 minutes', 20)", run=run_id
    )
    run = (await program.get(f"{RUNS}/{run_id}")).json()
    [listed] = (await program.get(RUNS)).json()["items"]
    for each in (run, listed):
        assert {**each["forecast"], "likely_done_at": None} == {**new, "for_people": 1, "people": 2}
    # 20 in 5 to 6 minutes: 4 take 60 to 72 seconds.
    [[seconds]] = await api.sql(
        "SELECT extract(epoch FROM CAST(CAST(:at AS text) AS timestamptz) - now())",
        at=run["forecast"]["likely_done_at"],
    )
    assert 50 < seconds <= 73
    await program.post(f"{RUNS}/{run_id}/pause")
    left = (await program.get(f"{RUNS}/{run_id}")).json()["forecast"]
    assert left == {**new, "ready": 0, "for_people": 1, "people": 2, "paused": 4}
