"""Schedules, limits of kinds and queues for programs."""

from datetime import timedelta
from uuid import UUID

import holdgate.kinds.email_send
import holdgate.kinds.http_request  # noqa: F401
from holdgate.tasks.kinds import Rate
from holdgate.tasks.queue.limits import KindLimits, find_limit, limits_of
from tests.factories.programs import ADMIN, ALL, OWNER, SCHEDULE, V1, Api, is_problem, pointers

PATH = f"{V1}/schedules"


async def test_a_schedule_is_made_read_changed_run_and_deleted(api: Api) -> None:
    program = await api.program(OWNER)
    made = await program.post(PATH, json=SCHEDULE, headers={"Idempotency-Key": "one"})
    assert made.status_code == 201
    where = made.json()["url"]
    assert made.headers["location"] == where
    again = await program.post(PATH, json=SCHEDULE, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (200, made.json())
    [listed] = (await program.get(PATH)).json()["items"]
    assert listed == (await program.get(where)).json()
    assert (listed["cron"], listed["missed"], listed["paused_at"], listed["problem"]) == (
        "0 9 * * *",
        "catch_up",
        None,
        None,
    )
    assert listed["next_at"].endswith("Z")

    assert (await program.post(where, json={**SCHEDULE, "cron": "0 * * * *", "name": "Hourly"})).status_code == 200
    changed = (await program.get(where)).json()
    assert (changed["name"], changed["cron"]) == ("Hourly", "0 * * * *")
    assert changed["next_at"] <= listed["next_at"]

    assert (await program.post(f"{where}/pause")).status_code == 200
    assert (await program.get(where)).json()["paused_at"] is not None
    assert (await program.post(f"{where}/resume")).status_code == 200
    assert (await program.get(where)).json()["paused_at"] is None
    task = UUID((await program.post(f"{where}/run")).json()["task_id"])
    assert (await program.get(f"{V1}/tasks/{task}")).json()["title"] == "Hourly"
    assert (await program.post(f"{where}/delete")).json() == {"id": made.json()["id"], "task_id": None}
    is_problem(await program.get(where), 404)


async def test_what_does_not_fit_is_refused_with_its_place(api: Api) -> None:
    program = await api.program(OWNER)
    for wrong, pointer in (
        ({"cron": "every day"}, "#/cron"),
        ({"zone": "Mars/Olympus"}, "#/zone"),
        ({"kind": "no.such.kind"}, "#/kind"),
        ({"kind": "email.send", "payload": {}}, "#/kind"),
        ({"priority": 1001}, "#/priority"),
        ({"missed": "never"}, "#/missed"),
    ):
        refused = await program.post(PATH, json={**SCHEDULE, **wrong})
        is_problem(refused, 422)
        assert refused.json()["errors"][0]["pointer"].startswith(pointer), (wrong, refused.json())
    assert (await program.get(PATH)).json()["items"] == []


async def test_a_schedule_sent_back_as_shown_keeps_its_secrets_and_sends_them_to_no_other_server(api: Api) -> None:
    program = await api.program(OWNER)
    payload = {"url": "https://a.example/x", "headers": {"Authorization": "Bearer abcdefghijk"}}
    wanted = {**SCHEDULE, "kind": "http.request", "payload": payload}
    where = (await program.post(PATH, json=wanted)).json()["url"]
    shown = (await program.get(where)).json()["payload"]
    assert shown["headers"] == {"Authorization": "[hidden]"}

    async def stored() -> object:
        [[found]] = await api.sql("SELECT payload FROM schedules")
        return found

    for change in ({"url": "https://b.example/x"}, {"text": "[hidden]"}):
        assert pointers(await program.post(where, json={**wanted, "payload": {**shown, **change}})) == ["#/payload"]
    assert pointers(await program.post(where, json={**SCHEDULE, "payload": {"fail": "[hidden]"}})) == ["#/payload"]
    assert pointers(await program.post(PATH, json={**wanted, "payload": shown})) == ["#/payload"]
    assert await stored() == payload
    answer = await program.post(where, json={**wanted, "payload": {**shown, "url": "https://a.example/y"}})
    assert answer.status_code == 200
    assert await stored() == {**payload, "url": "https://a.example/y"}


async def test_limits_are_set_read_and_taken_back_by_administrators(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    where = f"{V1}/limits/sample.task"
    wanted = {"concurrency": 5, "rate": {"count": 60, "seconds": 30.5}}
    answer = await root.post(where, json=wanted)
    assert answer.json() == {"kind": "sample.task", **wanted, "set_by": ADMIN}
    assert answer.json() in (await root.get(f"{V1}/limits")).json()["items"]
    async with api.database.read() as session:
        row = await find_limit(session, "sample.task")
    assert row is not None
    assert limits_of(row) == KindLimits(5, Rate(60, timedelta(seconds=30.5)))
    back = await root.post(where, json={"as_declared": True})
    assert back.json() == {"kind": "sample.task", "concurrency": None, "rate": None, "set_by": None}
    is_problem(await root.post(f"{V1}/limits/no.such.kind", json={}), 404)
    is_problem(await root.post(where, json={"rate": {"count": 0, "seconds": 1}}), 422)


async def test_a_token_loses_its_scope_with_its_persons_role(api: Api) -> None:
    first, second = await api.token(ADMIN, ALL, admin=True), await api.token(ADMIN, ALL, admin=True)
    assert (await (await api.client(first)).get(f"{V1}/limits")).status_code == 200
    await api.sql("UPDATE users SET role = 'member' WHERE email = :email RETURNING id", email=ADMIN)
    # A token that was not used yet: one that was is believed for a second.
    later = await api.client(second)
    is_problem(await later.get(f"{V1}/limits"), 403)
    is_problem(await later.post(f"{V1}/limits/sample.task", json={"concurrency": 0}), 403)
    is_problem(await later.post(f"{V1}/queues/default/pause"), 403)


async def test_queues_are_paused_and_resumed(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    for verb, paused, changed in (
        ("pause", True, True),
        ("pause", True, False),
        ("resume", False, True),
        ("resume", False, False),
    ):
        answer = await root.post(f"{V1}/queues/default/{verb}")
        assert answer.json() == {"name": "default", "paused": paused, "changed": changed}
    is_problem(await root.post(f"{V1}/queues/No%20queue/pause"), 404)
