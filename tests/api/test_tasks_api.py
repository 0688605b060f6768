"""Tasks, runs, approvals and postings by program: what each route does."""

import asyncio
import re
import time
from typing import Any
from uuid import UUID

import httpx
import jsonschema_rs
import msgspec
import pytest

from holdgate.api.openapi import document
from holdgate.approvals.states import HoldType
from holdgate.asgi import API_HANDLERS
from holdgate.core import paging
from tests.factories.approvals import put_question
from tests.factories.programs import ADMIN, ALL, OWNER, V1, Api, is_problem, make_task

TASK = {"kind": "sample.task"}


async def test_a_task_is_made_as_wished_and_read_back(api: Api) -> None:
    program = await api.program()
    wished = {
        "kind": "sample.task",
        "payload": {"steps": 2},
        "title": "T",
        "priority": 70,
        "queue": "mail",
        "max_attempts": 7,
        "run_at": "2099-01-01T00:00:00Z",
        "deadline": "2099-02-01T00:00:00Z",
    }
    made = await program.post(f"{V1}/tasks", json=wished)
    assert made.status_code == 201 and made.headers["location"] == made.json()["url"]
    task = (await program.get(made.json()["url"])).json()
    assert {name: task[name] for name in wished} == wished
    assert (task["state"], task["attempt"], task["finished_at"]) == ("scheduled", 0, None)
    assert task["created_at"].endswith("Z")
    events = (await program.get(made.json()["url"] + "/events")).json()["items"]
    assert [(event["verb"], event["to_state"], event["actor"]) for event in events] == [
        ("enqueue", "scheduled", f"user:{OWNER}")
    ]


async def test_the_log_of_a_resolved_dead_letter_can_be_read(api: Api) -> None:
    program = await api.program()
    url = (await program.post(f"{V1}/tasks", json=TASK)).json()["url"]
    await api.sql("UPDATE tasks SET state = 'dead_letter', finished_at = now()")
    await api.sql("UPDATE tasks SET resolved_at = now(), resolved_by = 'Ann', resolution = 'By hand.'")
    events = (await program.get(url + "/events")).json()["items"]
    assert [event["to_state"] for event in events] == ["queued", "dead_letter", "resolved"]


async def test_secrets_in_payloads_are_hidden(api: Api) -> None:
    program = await api.program()
    made = await program.post(f"{V1}/tasks", json=TASK)
    await api.sql("""UPDATE tasks SET payload = '{"api_key": "k", "url": "https://x/?token=abc"}'""")
    assert (await program.get(made.json()["url"])).json()["payload"] == {
        "api_key": "[hidden]",
        "url": "https://x/?token=[hidden]",
    }


async def test_a_list_is_walked_by_its_links_without_losing_or_repeating(api: Api) -> None:
    program = await api.program()
    made = await program.post(f"{V1}/tasks/bulk", json={"tasks": [{**TASK, "title": str(n)} for n in range(25)]})
    answer = await program.get(f"{V1}/tasks?limit=10&kind=sample.task")
    seen: list[str] = []
    while True:
        seen += [item["id"] for item in answer.json()["items"]]
        assert 'rel="first"' in answer.headers["link"]
        if "next" not in answer.links:
            break
        assert answer.json()["next_cursor"] in answer.links["next"]["url"]
        answer = await program.get(answer.links["next"]["url"])
    assert answer.json()["next_cursor"] is None
    assert sorted(seen) == sorted(made.json()["ids"]) and len(set(seen)) == 25


async def test_a_list_is_narrowed_by_what_a_task_is(api: Api) -> None:
    program = await api.program()
    one = await make_task(program, title="One", payload={"steps": 2})
    two = await make_task(program, title="Two", queue="mail", payload={"steps": 3})
    await program.post(f"{V1}/tasks/{two}/cancel")
    for query, expected in (
        ("state=queued", [one]),
        ("state=queued,cancelled", [two, one]),
        ("queue=mail", [two]),
        ("q=on", [one]),
        (f"q={two}", [two]),
        ('payload={"steps": 2}', [one]),
        ("payload=steps:3", [two]),
        ("created_after=1h", [two, one]),
        ("created_before=1h", []),
        (f"owner={OWNER}&kind=sample.task", [two, one]),
    ):
        answer = await program.get(f"{V1}/tasks?{query}")
        assert [UUID(item["id"]) for item in answer.json()["items"]] == expected, query


async def test_verbs_move_and_illegal_ones_are_409(api: Api) -> None:
    program = await api.program()
    path = f"{V1}/tasks/{await make_task(program)}"
    is_problem(await program.post(f"{path}/retry"), 409)
    assert (await program.post(f"{path}/cancel")).json()["state"] == "cancelled"
    is_problem(await program.post(f"{path}/cancel"), 409)
    assert (await program.post(f"{path}/retry")).json()["state"] == "queued"


# Bulk


async def test_ten_thousand_are_made_at_once(api: Api) -> None:
    program = await api.program()
    started_at = time.perf_counter()
    answer = await program.post(f"{V1}/tasks/bulk", json={"tasks": [{**TASK, "title": str(n)} for n in range(10_000)]})
    assert answer.status_code == 201 and len(set(answer.json()["ids"])) == 10_000
    print(f"10,000 tasks in {time.perf_counter() - started_at:.2f} s")
    titles = await api.sql("SELECT id::text, title FROM tasks")
    assert {id: title for id, title in titles} == {id: str(n) for n, id in enumerate(answer.json()["ids"])}
    is_problem(await program.post(f"{V1}/tasks/bulk", json={"tasks": [TASK] * 10_001}), 422)


@pytest.mark.parametrize("lines", [False, True])
async def test_of_many_all_or_none_are_made_and_each_fault_is_named(api: Api, lines: bool) -> None:
    program = await api.program()
    tasks: list[dict[str, Any]] = [dict(TASK) for _ in range(6)]
    if lines:
        tasks[1], tasks[4] = {"kind": 7}, {"kind": "sample.task", "priority": -1}
        content = b"\n".join(map(msgspec.json.encode, tasks))
        answer = await program.post(
            f"{V1}/tasks/bulk", content=content, headers={"Content-Type": "application/x-ndjson"}
        )
        expected = ["#/tasks/1/kind", "#/tasks/4/priority"]
    else:
        tasks[1], tasks[4] = {"kind": "no.such"}, {"kind": "sample.task", "payload": {"steps": "x"}}
        answer = await program.post(f"{V1}/tasks/bulk", json={"tasks": tasks})
        expected = ["#/tasks/1/kind", "#/tasks/4/payload/steps"]
    assert [error["pointer"] for error in is_problem(answer, 422)["errors"]] == expected
    assert await api.sql("SELECT 1 FROM tasks") == []


async def test_lines_are_read_as_they_come(api: Api) -> None:
    program = await api.program()
    run = (await program.post(f"{V1}/runs", json={"name": "r", "tasks": [TASK]})).json()["id"]

    async def lines() -> Any:
        for n in range(30):
            line = msgspec.json.encode({**TASK, "title": str(n), "run_id": run if n % 2 else None})
            yield line[:10]
            yield line[10:] + (b"\r\n" if n % 3 else b"\n\n")

    headers = {"Content-Type": "application/x-ndjson"}
    answer = await program.post(f"{V1}/tasks/bulk", content=lines(), headers=headers)
    assert answer.status_code == 201, answer.text
    titles = dict((str(id), title) for id, title in await api.sql("SELECT id, title FROM tasks"))
    assert [titles[id] for id in answer.json()["ids"]] == [str(n) for n in range(30)]
    assert len(await api.sql("SELECT 1 FROM tasks WHERE run_id IS NOT NULL")) == 16
    is_problem(await program.post(f"{V1}/tasks/bulk", content=b"\n\n", headers=headers), 422)
    is_problem(await program.post(f"{V1}/tasks/bulk", content=b'{"kind": \n', headers=headers), 400)


# Waiting


async def test_waiting_ends_with_the_task(api: Api) -> None:
    program = await api.program()
    task_id = await make_task(program)
    waiting = [asyncio.create_task(program.get(f"{V1}/tasks/{task_id}?wait=30")) for _ in range(3)]
    await asyncio.sleep(0)
    started_at = time.perf_counter()
    assert (await program.post(f"{V1}/tasks/{task_id}/cancel")).status_code == 200
    for answer in await asyncio.gather(*waiting):
        assert answer.json()["state"] == "cancelled"
    assert time.perf_counter() - started_at < 5


async def test_waiting_ends_in_time_and_not_at_all_for_what_has_ended(api: Api) -> None:
    program = await api.program()
    task_id = await make_task(program)
    answer = await program.get(f"{V1}/tasks/{task_id}?wait=1")
    assert answer.status_code == 200 and answer.json()["state"] == "queued"
    is_problem(await program.get(f"{V1}/tasks/{task_id}?wait=61"), 422)
    is_problem(await program.get(f"{V1}/tasks/{UUID(int=1)}?wait=30"), 404)


# Runs


async def test_a_run_is_started_added_to_paused_resumed_and_cancelled(api: Api) -> None:
    program = await api.program()
    made = await program.post(f"{V1}/runs", json={"name": "Monday", "tasks": [TASK, {**TASK, "subject": "a"}]})
    assert made.status_code == 201 and made.json()["tasks"] == 2
    path = made.json()["url"]
    assert (await program.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await program.post(f"{path}/tasks", json={"tasks": [TASK]})).status_code == 201
    run = (await program.get(path)).json()
    assert (run["state"], run["total"], run["open"], run["counts"]) == ("paused", 3, 3, {"paused": 3})
    is_problem(await program.post(f"{path}/pause"), 409)
    assert (await program.post(f"{path}/resume")).json()["state"] == "active"
    is_problem(await program.post(f"{path}/tasks", json={"tasks": [{**TASK, "subject": "a"}]}), 409)
    nested = {"tasks": [{**TASK, "run_id": run["id"]}]}
    assert (
        is_problem(await program.post(f"{path}/tasks", json=nested), 422)["errors"][0]["pointer"] == "#/tasks/0/run_id"
    )
    assert (await program.post(f"{path}/cancel")).json()["state"] == "cancelled"
    is_problem(await program.post(f"{path}/tasks", json={"tasks": [TASK]}), 409)
    assert [item["id"] for item in (await program.get(f"{V1}/runs")).json()["items"]] == [run["id"]]


# Approvals


async def test_an_approval_is_read_and_decided_once(api: Api) -> None:
    asked = await put_question(api.database, api.settings)
    program = await api.program()
    [listed] = (await program.get(f"{V1}/approvals?state=pending&task_id={asked.task_id}")).json()["items"]
    path = f"{V1}/approvals/{listed['id']}"
    whole = (await program.get(path)).json()
    assert whole["version"] == asked.version and whole["shown"] == {"Name": "x"}
    assert [field["name"] for field in whole["fields"]] == ["wish"]
    wrong = {"version": "0" * 64, "decision": "approve"}
    is_problem(await program.post(f"{path}/decision", json=wrong), 409)
    silent = {"version": asked.version, "decision": "reject"}
    assert is_problem(await program.post(f"{path}/decision", json=silent), 422)["errors"][0]["pointer"] == "#/reason"
    decision = {"version": asked.version, "decision": "approve", "form": {"wish": "more"}}
    assert (await program.post(f"{path}/decision", json=decision)).json()["state"] == "approved"
    is_problem(await program.post(f"{path}/decision", json=decision), 409)
    assert (await program.get(f"{V1}/tasks/{asked.task_id}")).json()["state"] == "queued"
    [[by, source]] = await api.sql("SELECT decided_by, decided_from FROM approvals")
    assert by == OWNER and "API" in source


async def test_too_late_is_410(api: Api) -> None:
    asked = await put_question(api.database, api.settings)
    await api.sql("UPDATE approvals SET expires_at = now() - interval '1 second'")
    program = await api.program()
    decision = {"version": asked.version, "decision": "approve"}
    is_problem(await program.post(f"{V1}/approvals/{asked.approval_id}/decision", json=decision), 410)


async def test_a_task_that_needs_input_is_answered(api: Api) -> None:
    asked = await put_question(api.database, api.settings, hold=HoldType.INPUT)
    program = await api.program()
    answer = await program.post(f"{V1}/tasks/{asked.task_id}/answer", json={"form": {"wish": "yes"}})
    assert answer.status_code == 200 and answer.json()["state"] == "answered"
    is_problem(await program.post(f"{V1}/tasks/{asked.task_id}/answer", json={"form": {}}), 409)


# Postings


async def test_postings_are_added_imported_listed_and_read(api: Api) -> None:
    program = await api.program()
    one = {
        "title": "Gardener",
        "company": "Harrow",
        "url": "https://harrow.example/7",
        "description": "<b>a</b><script>",
    }
    made = await program.post(f"{V1}/postings", json=one)
    again = await program.post(f"{V1}/postings", json=one)
    assert (made.status_code, again.status_code, again.json()["known"]) == (201, 200, True)
    assert made.json()["id"] == again.json()["id"]
    whole = (await program.get(made.json()["url"])).json()
    assert (whole["title"], whole["source"]) == ("Gardener", "api") and "script" not in whole["description"]
    bad = is_problem(await program.post(f"{V1}/postings", json={**one, "url": "nowhere"}), 422)
    assert bad["errors"][0]["pointer"] == "#/url"
    csv = "title,company,url\nCook,Inn,https://inn.example/1\n,Inn,https://inn.example/2\n"
    headers = {"Content-Type": "text/csv"}
    refused = is_problem(await program.post(f"{V1}/postings/import", content=csv, headers=headers), 422)
    assert refused["errors"][0]["pointer"] == "#/3/title"
    done = await program.post(f"{V1}/postings/import?leave_out_errors=true", content=csv, headers=headers)
    assert (done.json()["new"], done.json()["known"], len(done.json()["left_out"])) == (1, 0, 1)
    listed = (await program.get(f"{V1}/postings?q=cook&applied=false")).json()["items"]
    assert [item["title"] for item in listed] == ["Cook"]
    board = {"jobs": [{"absolute_url": "https://b.example/1", "title": "Baker", "company_name": "B", "id": 1}]}
    answer = await program.post(f"{V1}/postings/import", json=board)
    assert answer.status_code in (200, 422), answer.text
    # What the preview asks a person is said in the address.
    table = "Was;Netz;Wer\nBäcker;https://b.example/2;Back & Sohn\n".encode("cp1252")
    said = {"columns": "Was=title;Netz=url", "company": "B", "encoding": "windows-1252"}
    octets = {"Content-Type": "application/octet-stream"}
    unknown = await program.post(f"{V1}/postings/import", content=table, headers=octets)
    assert is_problem(unknown, 422)
    done = await program.post(f"{V1}/postings/import", params=said, content=table, headers=octets)
    assert done.json()["new"] == 1, done.text
    [baker] = (await program.get(f"{V1}/postings?q=bäcker")).json()["items"]
    assert baker["company"] == "B"
    wrong = await program.post(f"{V1}/postings/import", params={"columns": "Was=job"}, content=table, headers=octets)
    assert is_problem(wrong, 422)["errors"][0]["parameter"] == "columns"


# Counts, kinds, events


async def test_counts_and_kinds(api: Api) -> None:
    program = await api.program()
    for _ in range(3):
        await make_task(program)
    counts = (await program.get(f"{V1}/stats")).json()
    assert counts["states"] == {"queued": 3} and counts["kinds"] == {"sample.task": {"queued": 3}}
    assert [(queue["name"], queue["ready"]) for queue in counts["queues"]] == [("default", 3)]
    kinds = {kind["name"]: kind for kind in (await program.get(f"{V1}/kinds")).json()["items"]}
    assert {"sample.task", "email.message"} <= kinds.keys() and "email.send" not in kinds
    assert kinds["sample.task"]["queue"] == "default" and kinds["sample.task"]["schema"]


def test_the_description_is_whole() -> None:
    """Every reference leads somewhere, every name in a path is declared, operations have names of their own."""
    found = document(API_HANDLERS, "http://127.0.0.1")
    operations = [(path, op) for path, methods in found["paths"].items() for op in methods.values()]
    assert len({op["operationId"] for _, op in operations}) == len(operations)
    for path, op in operations:
        named = {each["name"] for each in op["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert op["summary"] and {"401", "403", "429", "500"} <= set(op["responses"])
    for ref in re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', msgspec.json.encode(found).decode()):
        assert ref in found["components"]["schemas"]
    schemas = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": found["components"]["schemas"]}
    jsonschema_rs.meta.validate(schemas)


async def test_examples_in_the_description_work(api: Api) -> None:
    described = (await (await api.client()).get("/api/openapi.json")).json()
    program = await api.program(ADMIN, ALL, admin=True)
    await make_task(program)
    tried = 0
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            if example is not None and "{" not in path:
                answer: httpx.Response = await program.request(method, path, json=example)
                made = 201 if "201" in operation["responses"] else 200
                made = 404 if path.endswith("/postings/applied") else made  # it names a posting, which is not here
                assert answer.status_code == made, (path, answer.text)
                tried += 1
    assert tried >= 10


async def test_a_list_says_how_many_there_are_where_that_is_known(api: Api) -> None:
    program, other = await api.program(), await api.program(ADMIN)
    for _ in range(3):
        await make_task(program)
    run = (await program.post(f"{V1}/runs", json={"name": "r", "tasks": [TASK]})).json()["id"]
    for query, total in (
        ("limit=1", 4),
        ("state=queued&kind=sample.task", 4),
        ("state=running", 0),
        (f"run_id={run}", 1),
        ("q=sample", None),
    ):
        assert (await program.get(f"{V1}/tasks?{query}")).json()["total"] == total, query
    assert (await other.get(f"{V1}/tasks?run_id={run}")).json()["total"] == 0, "somebody else's run"


async def test_other_lists_count_what_is_on_all_their_pages_up_to_a_bound(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await api.program()
    for name in ("a", "b", "c"):
        await program.post(f"{V1}/runs", json={"name": name, "tasks": [TASK]})
    for most, total in ((3, 3), (2, None)):
        monkeypatch.setattr(paging, "MOST_COUNTED", most)
        page = (await program.get(f"{V1}/runs?limit=1")).json()
        assert (len(page["items"]), page["total"]) == (1, total)
        behind = (await program.get(f"{V1}/runs", params={"limit": 1, "cursor": page["next_cursor"]})).json()
        assert behind["total"] == total, "of all pages, wherever one is"
