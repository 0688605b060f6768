"""Every refusal is a problem (RFC 9457), whatever is sent."""

from typing import Any

import msgspec
import pytest

from holdgate.core.text.shape import DEEP, MANY, MOST_VALUES
from tests.factories.programs import V1, Api, is_problem

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/kind"),
        ({"kind": 7}, "#/kind"),
        ({"kind": "sample.task", "priority": 1001}, "#/priority"),
        ({"kind": "sample.task", "priority": "5"}, "#/priority"),
        ({"kind": "sample.task", "payload": []}, "#/payload"),
        ({"kind": "sample.task", "payload": {"steps": "many"}}, "#/payload/steps"),
        ({"kind": "sample.task", "run_id": "x"}, "#/run_id"),
        ({"kind": "sample.task", "run_at": "tomorrow"}, "#/run_at"),
        ({"kind": "sample.task", "run_at": "2026-11-23T09:00:00"}, "#/run_at"),
        ({"kind": "sample.task", "run_at": "0001-01-01T00:00:00+14:00"}, "#/run_at"),
        ({"kind": "sample.task", "deadline": "9999-12-31T23:59:59-12:00"}, "#/deadline"),
        ({"kind": "sample.task", "queue": "Not A Queue"}, "#/queue"),
        ({"kind": "no.such"}, "#/kind"),
        ({"kind": "sample.task", "title": "a\0b"}, "#"),
        ({"kind": "sample.task", "payload": {"a\0": 1}}, "#"),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_422_and_says_where(api: Api, body: Any, pointer: str) -> None:
    problem = is_problem(await (await api.program()).post(f"{V1}/tasks", json=body), 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await api.sql("SELECT 1 FROM tasks") == []


async def test_unknown_fields_are_refused(api: Api) -> None:
    body = {"kind": "sample.task", "prioritty": 9}
    problem = is_problem(await (await api.program()).post(f"{V1}/tasks", json=body), 422)
    assert "prioritty" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"kind": "\xc3\x28"}', 400),
        (b'{"kind": "\\ud800"}', 422),
        (b"[" * 100_000, 400),
        (b'{"kind": "sample.task", "payload": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, 400),
        (b'{"kind": "sample.task", "payload": {"n": 1e999}}', 422),
        (b'{"kind": "sample.task", "payload": {"n": ' + b"9" * 5000 + b"}}", 422),
        (b'{"kind": "sample.task", "priority": 99999999999999999999999}', 422),
        (b"null", 422),
        (b'"text"', 422),
    ],
)
async def test_no_body_is_too_odd(api: Api, content: bytes, status: int) -> None:
    is_problem(await (await api.program()).post(f"{V1}/tasks", content=content, headers=JSON), status)


async def test_numbers_that_can_be_stored_come_back_as_they_were(api: Api) -> None:
    program = await api.program()
    payload = {"big": 2**63, "small": -(2**70), "part": 0.1, "zero": 0, "text": "\u2028é🙂"}
    made = await program.post(f"{V1}/tasks", json={"kind": "test.steps", "payload": {"name": "x"}})
    assert made.status_code == 201
    await api.sql("UPDATE tasks SET payload = CAST(:p AS jsonb)", p=msgspec.json.encode(payload).decode())
    answer = await program.get(made.json()["url"])
    assert answer.status_code == 200 and answer.json()["payload"] == payload


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_another_media_type_is_415(api: Api, given: str) -> None:
    program = await api.program()
    is_problem(await program.post(f"{V1}/tasks", content=b"{}", headers={"Content-Type": given}), 415)


async def test_too_much_is_413(api: Api) -> None:
    program = await api.program()
    is_problem(await program.post(f"{V1}/tasks", content=b" " * (13 * 1024 * 1024), headers=JSON), 413)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=99999999999999999999999999", "limit"),
        ("state=asleep", "state"),
        ("run_id=7", "run_id"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCAwMTkzNWM0OC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA", "cursor"),
        ("q=a%00b", "q"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_a_query_that_does_not_fit_is_422_and_names_the_parameter(api: Api, query: str, parameter: str) -> None:
    problem = is_problem(await (await api.program()).get(f"{V1}/tasks?{query}"), 422)
    assert problem["errors"][0]["parameter"] == parameter


async def test_unknown_paths_and_ids_are_404_and_methods_405(api: Api) -> None:
    program = await api.program()
    for path in ("/nothing", "/tasks/7", "/tasks/not-a-uuid/events", f"/tasks/{'0' * 32}/explode"):
        is_problem(await program.get(V1 + path), 404)
    wrong = await program.delete(f"{V1}/tasks")
    is_problem(wrong, 405)
    assert wrong.headers["allow"] == "GET, POST"
    is_problem(await program.get(f"{V1}/tasks/bulk"), 405)


async def test_a_failure_is_a_problem_that_says_nothing_of_us(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    program = await api.program()
    monkeypatch.setattr("holdgate.tasks.search.lists.list_tasks", fails)
    problem = is_problem(await program.get(f"{V1}/tasks"), 500)
    assert "secret" not in str(problem)


async def test_data_too_deep_or_too_much_is_refused_with_the_place(api: Api) -> None:
    program = await api.program()
    deep: Any = 1
    for _ in range(64):
        deep = [deep]
    made = await program.post(
        f"{V1}/tasks", json={"kind": "http.request", "payload": {"url": "http://h/", "json": deep}}
    )
    is_problem(made, 400)
    assert made.json()["detail"] == DEEP
    many = {"kind": "http.request", "payload": {"url": "http://h/", "json": ["x"] * MOST_VALUES}}
    for path, more in (("tasks", {}), ("schedules", {"name": "s", "cron": "* * * * *", "zone": "UTC"})):
        refused = await program.post(f"{V1}/{path}", json={**many, **more})
        is_problem(refused, 422)
        assert refused.json()["errors"] == [{"pointer": "#/payload", "detail": f"The payload can’t be stored. {MANY}"}]
