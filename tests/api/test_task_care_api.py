"""Tasks by program beyond the basic verbs: edited retries, priorities, dead letters, files, saved views, exports."""

import csv
import io
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis

import holdgate.kinds.http_request  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.artifacts import store_artifact
from holdgate.tasks.failures.fingerprints import fill_missing
from holdgate.tasks.models import TaskStep
from holdgate.tasks.states import TaskState
from tests.factories import tasks
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, Api, api_of, is_problem, make_task, pointers

TASK = {"kind": "sample.task"}
SECRET = {"url": "https://a.example/", "headers": {"Authorization": "Bearer abcdefghijk"}}


async def end(api: Api, task_id: UUID, message: str = "No 7 is away") -> None:
    """It becomes a dead letter."""
    await api.sql(
        """UPDATE tasks SET state = 'dead_letter', finished_at = now(),
             error = jsonb_build_object('type', 'Away', 'message', CAST(:message AS text)) WHERE id = :id""",
        message=message,
        id=task_id,
    )


async def stored(api: Api, task_id: UUID) -> Any:
    [[payload]] = await api.sql("SELECT payload FROM tasks WHERE id = :id", id=task_id)
    return payload


# Retrying with another payload


async def test_a_dead_letter_is_retried_with_another_payload_and_keeps_the_secrets_left_hidden(api: Api) -> None:
    program = await api.program()
    task_id = await make_task(program, kind="http.request", payload=SECRET)
    await end(api, task_id)
    path = f"{V1}/tasks/{task_id}"
    payload = (await program.get(path)).json()["payload"]
    assert payload["headers"] == {"Authorization": "[hidden]"}
    leak = await program.post(f"{path}/edit", json={"payload": {**payload, "url": "https://b.example/"}})
    assert pointers(leak) == ["#/payload"]
    assert await stored(api, task_id) == SECRET
    payload["url"] = f"{SECRET['url']}other"
    for replayed in (None, "true"):
        answer = await program.post(f"{path}/edit", json={"payload": payload}, headers={"Idempotency-Key": "e"})
        assert answer.json() == {"id": str(task_id), "state": "queued"}
        assert answer.headers.get("idempotency-replayed") == replayed
    assert await stored(api, task_id) == {**SECRET, "url": payload["url"]}
    events = (await program.get(f"{path}/events")).json()["items"]
    assert [event["verb"] for event in events if event["verb"] == "retry"] == ["retry"]
    assert "abcdefghijk" not in str(events)
    is_problem(await program.post(f"{path}/edit", json={"payload": payload}), 409)


async def test_an_edited_retry_that_does_not_fit_changes_nothing(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    task_id = await make_task(program, payload={"steps": 3})
    await end(api, task_id)
    path = f"{V1}/tasks/{task_id}/edit"
    assert pointers(await program.post(path, json={"payload": {"steps": "x"}})) == ["#/payload/steps"]
    assert pointers(await program.post(path, json={"payload": {"fail": "[hidden]"}})) == ["#/payload"]
    assert pointers(await program.post(path, json={})) == ["#/payload"]
    is_problem(await other.post(path, json={"payload": {"steps": 1}}), 404)
    assert await stored(api, task_id) == {"steps": 3}
    assert (await program.get(f"{V1}/tasks/{task_id}")).json()["state"] == "dead_letter"


async def test_a_program_says_whether_finished_steps_run_again_with_another_payload(api: Api) -> None:
    program = await api.program()
    task_id = await make_task(program, payload={"steps": 3})
    await end(api, task_id)
    async with api.database.write("system") as session:
        session.add(TaskStep(task_id=task_id, name="step-1", attempt=1, result={"step": 1, "attempt": 1}))
    path = f"{V1}/tasks/{task_id}/edit"
    assert pointers(await program.post(path, json={"payload": {"steps": 4}})) == ["#/again"]
    assert await stored(api, task_id) == {"steps": 3}
    assert (await program.post(path, json={"payload": {"steps": 4}, "again": False})).json()["state"] == "queued"


async def test_an_edited_task_waits_with_its_paused_run_and_stays_ended_with_a_cancelled_one(api: Api) -> None:
    program = await api.program()
    run = (await program.post(f"{V1}/runs", json={"name": "R", "tasks": [TASK, TASK]})).json()["url"]
    one, two = (UUID(task["id"]) for task in (await program.get(f"{V1}/tasks")).json()["items"])
    for task_id in (one, two):
        await end(api, task_id)
    await program.post(f"{run}/pause")
    answer = await program.post(f"{V1}/tasks/{one}/edit", json={"payload": {"steps": 1}})
    assert answer.json()["state"] == "paused"
    await program.post(f"{run}/cancel")
    is_problem(await program.post(f"{V1}/tasks/{two}/edit", json={"payload": {"steps": 1}}), 409)


# Priority and resolving


async def test_the_priority_of_an_unfinished_task_is_set_and_logged(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    path = f"{V1}/tasks/{await make_task(program)}"
    assert (await program.post(f"{path}/priority", json={"priority": 300})).json()["priority"] == 300
    assert (await program.get(path)).json()["priority"] == 300
    events = (await program.get(f"{path}/events")).json()["items"]
    assert [(event["verb"], event["actor"]) for event in events][1:] == [("prioritise", f"user:{OWNER}")]
    assert pointers(await program.post(f"{path}/priority", json={"priority": 1001})) == ["#/priority"]
    is_problem(await other.post(f"{path}/priority", json={"priority": 1}), 404)
    await program.post(f"{path}/cancel")
    is_problem(await program.post(f"{path}/priority", json={"priority": 1}), 409)


async def test_an_open_dead_letter_is_resolved_with_a_note_and_can_be_found(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    task_id = await make_task(program)
    path = f"{V1}/tasks/{task_id}"
    is_problem(await program.post(f"{path}/resolve", json={}), 409)
    await end(api, task_id)
    is_problem(await other.post(f"{path}/resolve", json={"note": "Mine."}), 404)
    assert pointers(await program.post(f"{path}/resolve", json={"note": "x" * 501})) == ["#/note"]
    assert (await program.post(f"{path}/resolve", json={"note": "By hand."})).json()["note"] == "By hand."
    is_problem(await program.post(f"{path}/resolve", json={"note": "Again."}), 409)
    task = (await program.get(path)).json()
    assert (task["state"], task["resolution"], task["resolved_by"]) == ("dead_letter", "By hand.", f"user:{OWNER}")
    listed = (await program.get(f"{V1}/tasks?state=resolved")).json()["items"]
    assert [item["id"] for item in listed] == [str(task_id)]


async def test_dead_letters_are_listed_by_their_error_to_their_owner(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    made = [await make_task(program) for _ in range(4)]
    for n, task_id in enumerate(made[:3]):
        await end(api, task_id, message=f"No {n} is away at https://a.example/?token=abcdefghijk")
    await end(api, made[3], message="Quite another")
    async with api.database.write("system") as session:
        assert await fill_missing(session) == 4
    await program.post(f"{V1}/tasks/{made[3]}/resolve", json={})
    found = (await program.get(f"{V1}/dead-letters")).json()
    assert (found["open"], found["resolved"], found["more"]) == (3, 1, False)
    [group] = found["items"]
    assert (group["n"], group["kind"], group["error_type"]) == (3, "sample.task", "Away")
    assert (group["sample_id"], "abcdefghijk" in group["message"]) == (str(made[2]), False)
    alike = await program.get(f"{V1}/tasks", params={"state": "dead_letter", "fingerprint": group["fingerprint"]})
    assert {item["id"] for item in alike.json()["items"]} == set(map(str, made[:3]))
    nothing = {"items": [], "open": 0, "resolved": 0, "more": False, "total": 0}
    assert (await other.get(f"{V1}/dead-letters")).json() == nothing


# Steps and files


async def test_finished_steps_are_listed_with_their_secrets_hidden(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    path = f"{V1}/tasks/{(task_id := await make_task(program))}/steps"
    assert (await program.get(path)).json() == {"items": []}
    await api.sql(
        """INSERT INTO task_steps (task_id, name, attempt, result)
           VALUES (:id, 'look-up', 1, '{"api_key": "k", "account": "DE00"}')""",
        id=task_id,
    )
    [step] = (await program.get(path)).json()["items"]
    assert (step["name"], step["attempt"]) == ("look-up", 1)
    assert step["result"] == {"api_key": "[hidden]", "account": "DE00"}
    is_problem(await other.get(path), 404)


async def test_files_are_listed_and_downloaded_as_attachments_of_their_type(api: Api) -> None:
    owner = await api.person(OWNER)
    task_id = await tasks.make_task(api.database, TaskState.RUNNING, owner_id=owner.id)
    data = b"\x89PNG\r\n\x1a\n"
    kept = await store_artifact(api.database, api.settings, "system", (task_id, 1), "é.png", data, "image/png")
    assert kept is not None
    program, other = await api.program(), await api.program(OTHER)
    [file] = (await program.get(f"{V1}/tasks/{task_id}/artifacts")).json()["items"]
    assert (file["name"], file["content_type"], file["size"], file["sha256"]) == (
        "é.png",
        "image/png",
        len(data),
        kept.sha256,
    )
    answer = await program.get(file["url"])
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9.png"
    assert answer.headers["etag"] == f'"{kept.sha256}"'
    is_problem(await other.get(file["url"]), 404)
    is_problem(await other.get(f"{V1}/tasks/{task_id}/artifacts"), 404)
    is_problem(await program.get(f"{V1}/tasks/{await make_task(program)}/artifacts/{kept.id}"), 404)


# Lists, saved and whole


async def test_a_list_can_begin_with_the_oldest_and_name_its_tasks(api: Api) -> None:
    program = await api.program()
    made = [str(await make_task(program)) for _ in range(5)]
    answer = await program.get(f"{V1}/tasks?sort=oldest&limit=2")
    seen = [item["id"] for item in answer.json()["items"]]
    while "next" in answer.links:
        answer = await program.get(answer.links["next"]["url"])
        seen += [item["id"] for item in answer.json()["items"]]
    assert seen == made
    named = await program.get(f"{V1}/tasks?id={made[3]},{made[1]}")
    assert [item["id"] for item in named.json()["items"]] == [made[3], made[1]]
    assert (await program.get(f"{V1}/tasks?mail=only")).json()["items"] == []
    assert is_problem(await program.get(f"{V1}/tasks?id=x"), 422)["errors"][0]["parameter"] == "id"
    is_problem(await program.get(f"{V1}/tasks?sort=random"), 422)


async def test_a_view_is_saved_used_renamed_and_deleted_by_its_person(api: Api) -> None:
    program, root = await api.program(), await api.program(ADMIN, ALL, admin=True)
    path, key = f"{V1}/tasks/views", {"Idempotency-Key": "v"}
    wanted = {"state": "queued,dead_letter", "kind": "sample.task", "sort": "oldest"}
    made = await program.post(path, json={"name": "Mine", "filter": wanted}, headers=key)
    assert made.status_code == 201
    assert (await program.post(path, json={"name": "Mine", "filter": wanted}, headers=key)).json() == made.json()
    [view] = (await program.get(path)).json()["items"]
    assert view == made.json() and view["filter"] == {**wanted, "mail": "with"}
    tasks = [str(await make_task(program)) for _ in range(2)]
    found = (await program.get(f"{V1}/tasks", params=view["filter"])).json()["items"]
    assert [item["id"] for item in found] == tasks
    one = f"{path}/{view['id']}"
    assert (await root.get(path)).json() == {"items": []}, "an administrator has views of their own"
    is_problem(await root.post(f"{one}/rename", json={"name": "Ours"}), 404)
    is_problem(await root.post(f"{one}/delete"), 404)
    assert (await program.post(f"{one}/rename", json={"name": "Yours"})).status_code == 200
    assert [each["name"] for each in (await program.get(path)).json()["items"]] == ["Yours"]
    assert (await program.post(f"{one}/delete")).json() == {"id": view["id"]}
    is_problem(await program.post(f"{one}/delete"), 404)


async def test_a_view_that_does_not_fit_is_refused_with_its_place(api: Api) -> None:
    program = await api.program()
    path = f"{V1}/tasks/views"
    for body, place in (
        ({"name": "V", "filter": {"stat": "queued"}}, "#/filter/stat"),
        ({"name": "V", "filter": {"state": "nonsense"}}, "#/filter/state"),
        ({"name": "V", "filter": {"sort": "random"}}, "#/filter/sort"),
        ({"name": " ", "filter": {}}, "#/name"),
    ):
        assert pointers(await program.post(path, json=body)) == [place]
    assert (await program.post(path, json={"name": "V"})).status_code == 201
    assert pointers(await program.post(path, json={"name": "V"})) == ["#/name"]
    second = (await program.post(path, json={"name": "W"})).json()["id"]
    assert pointers(await program.post(f"{path}/{second}/rename", json={"name": "V"})) == ["#/name"]


async def test_what_matches_is_exported_whole_as_csv_and_json(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    task_id = await make_task(program, kind="http.request", payload=SECRET, title="=1+1")
    await make_task(program)
    table = await program.get(f"{V1}/tasks/export.csv?kind=http.request")
    assert table.headers["content-disposition"] == 'attachment; filename="tasks.csv"'
    [row] = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
    assert (row["id"], row["title"], "abcdefghijk" in table.text) == (str(task_id), "'=1+1", False)
    whole = await program.get(f"{V1}/tasks/export.json?kind=http.request")
    assert whole.json() == [(await program.get(f"{V1}/tasks/{task_id}")).json()]
    assert (await other.get(f"{V1}/tasks/export.json")).json() == []
    for suffix in ("csv", "json"):
        for query, parameter in (("state=nonsense", "state"), ("limit=5", "limit"), ("colour=red", "colour")):
            refused = is_problem(await program.get(f"{V1}/tasks/export.{suffix}?{query}"), 422)
            assert refused["errors"][0]["parameter"] == parameter


DEQUEUE = f"{V1}/_testing/dequeue"


async def test_the_first_task_that_is_ready_is_claimed(api: Api) -> None:
    admin = await api.program(ADMIN, ALL, admin=True)
    task = await make_task(admin, payload={"seconds": 0})
    await make_task(admin, queue="other")
    answer = await admin.post(DEQUEUE, json={"kind": "sample.task"})
    assert answer.status_code == 200
    assert answer.json()["task"] == {
        "id": str(task),
        "attempt": 1,
        "kind": "sample.task",
        "queue": "default",
        "title": answer.json()["task"]["title"],
        "payload": {"seconds": 0},
    }
    assert await api.sql("SELECT state FROM tasks WHERE id = :id", id=task) == [("running",)]
    assert (await admin.post(DEQUEUE, json={"kind": "sample.task"})).json() == {"task": None}


async def test_nobody_else_may_and_none_in_production(settings: Settings, database: Database, redis: Redis) -> None:
    async with api_of(settings, database, redis) as api:
        is_problem(await (await api.program()).post(DEQUEUE, json={}), 403)
        is_problem(await (await api.client()).post(DEQUEUE, json={}), 401)
    production = msgspec.structs.replace(settings, environment="production")
    async with api_of(production, database, redis) as api:
        admin = await api.program("root@example.org", ALL, admin=True)
        is_problem(await admin.post(DEQUEUE, json={}), 404)
