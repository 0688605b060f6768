"""A POST with an Idempotency-Key has its effect once."""

import asyncio

import httpx

from holdgate.api.idempotency_store import forget_replies
from tests.factories.programs import OTHER, V1, Api, is_problem

KEY = {"Idempotency-Key": "monday-1"}
TASK = {"kind": "sample.task", "title": "once"}


async def tasks(api: Api) -> int:
    [[n]] = await api.sql("SELECT count(*) FROM tasks")
    return int(n)


async def test_a_repetition_is_answered_as_the_first_and_makes_nothing(api: Api) -> None:
    program = await api.program()
    first = await program.post(f"{V1}/tasks", json=TASK, headers=KEY)
    again = await program.post(f"{V1}/tasks", json=TASK, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() and first.headers["location"] == again.headers["location"]
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert await tasks(api) == 1


async def test_fifty_at_once_make_one_task(api: Api) -> None:
    program = await api.program()
    answers = await asyncio.gather(*(program.post(f"{V1}/tasks", json=TASK, headers=KEY) for _ in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1 and set(statuses) <= {200, 201, 409}
    for answer in answers:
        if answer.status_code == 409:
            is_problem(answer, 409)
            assert answer.headers["retry-after"] == "1"
    assert await tasks(api) == 1
    assert len({answer.json()["id"] for answer in answers if answer.status_code < 300}) == 1


async def test_who_comes_while_the_first_is_at_work_is_told_409(api: Api) -> None:
    program = await api.program()
    [[user_id]] = await api.sql("SELECT id FROM users")
    async with api.database.write("system") as session:
        from holdgate.api.idempotency_store import lock_key

        assert await lock_key(session, user_id, KEY["Idempotency-Key"])
        is_problem(await program.post(f"{V1}/tasks", json=TASK, headers=KEY), 409)
    assert (await program.post(f"{V1}/tasks", json=TASK, headers=KEY)).status_code == 201


async def test_another_request_with_the_same_key_is_422(api: Api) -> None:
    program = await api.program()
    await program.post(f"{V1}/tasks", json=TASK, headers=KEY)
    is_problem(await program.post(f"{V1}/tasks", json={**TASK, "title": "other"}, headers=KEY), 422)
    is_problem(await program.post(f"{V1}/tasks/bulk", json={"tasks": [TASK]}, headers=KEY), 422)
    assert await tasks(api) == 1


async def test_keys_belong_to_people(api: Api) -> None:
    first, second = await api.program(), await api.program(OTHER)
    for program in (first, second):
        assert (await program.post(f"{V1}/tasks", json=TASK, headers=KEY)).status_code == 201
    assert await tasks(api) == 2


async def test_a_refusal_leaves_the_key_free(api: Api) -> None:
    program = await api.program()
    is_problem(await program.post(f"{V1}/tasks", json={"kind": "no.such"}, headers=KEY), 422)
    assert (await program.post(f"{V1}/tasks", json=TASK, headers=KEY)).status_code == 201


async def test_a_key_must_be_printable(api: Api) -> None:
    program = await api.program()
    for key in ("", "a b", "x" * 201):
        is_problem(await program.post(f"{V1}/tasks", json=TASK, headers={"Idempotency-Key": key}), 422)
    assert await tasks(api) == 0


async def test_verbs_runs_bulk_and_lines_can_be_repeated_too(api: Api) -> None:
    program = await api.program()
    made = (await program.post(f"{V1}/tasks", json=TASK)).json()
    lines = b'{"kind": "sample.task"}\n{"kind": "sample.task"}\n'
    ndjson = {"Content-Type": "application/x-ndjson"}

    async def twice(path: str, key: str, **body: object) -> list[httpx.Response]:
        headers = {"Idempotency-Key": key, **(ndjson if "content" in body else {})}
        return [await program.post(f"{V1}{path}", headers=headers, **body) for _ in range(2)]  # type: ignore[arg-type]

    for path, key, body in (
        (f"/tasks/{made['id']}/cancel", "cancel", {}),
        ("/runs", "run", {"json": {"name": "r", "tasks": [TASK]}}),
        ("/tasks/bulk", "bulk", {"json": {"tasks": [TASK]}}),
        ("/tasks/bulk", "lines", {"content": lines}),
    ):
        first, again = await twice(path, key, **body)
        assert first.status_code in (200, 201), first.text
        assert again.status_code == 200 and again.json() == first.json()
    assert await tasks(api) == 1 + 1 + 1 + 2


async def test_answers_are_kept_for_a_day(api: Api) -> None:
    program = await api.program()
    await program.post(f"{V1}/tasks", json=TASK, headers=KEY)
    for age, kept in (("23 hours", 1), ("25 hours", 0)):
        await api.sql(f"UPDATE api_replies SET created_at = now() - interval '{age}'")
        async with api.database.write("system") as session:
            assert await forget_replies(session, limit=10) == 1 - kept
        assert len(await api.sql("SELECT 1 FROM api_replies")) == kept
