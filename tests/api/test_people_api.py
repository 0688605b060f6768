"""People, the audit and the state of the installation, for programs of administrators."""

from typing import Any

import pytest

from holdgate.accounts.tokens import cache
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, Api, is_problem, make_task
from tests.factories.workers import until_state, working

USERS = f"{V1}/users"


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process changes about tokens is seen at once, not a second later."""
    monkeypatch.setattr(cache, "SECONDS", 0.0)


async def invited(api: Api) -> list[str]:
    rows = await api.sql("SELECT payload->>'to' FROM tasks WHERE payload->>'template' = 'invitation' ORDER BY id")
    return [row[0] for row in rows]


async def test_somebody_is_given_access_once_for_a_key_and_invited_if_wanted(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    body = {"email": "New@example.org", "name": "New  One", "invite": True}
    made = await root.post(USERS, json=body, headers={"Idempotency-Key": "one"})
    assert made.status_code == 201
    assert (made.json()["email"], made.json()["name"], made.json()["role"]) == ("new@example.org", "New One", "member")
    again = await root.post(USERS, json=body, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (200, made.json())
    assert await invited(api) == ["new@example.org"]
    assert (await root.get(made.headers["location"])).json() == made.json()
    # Known already: the name stays, and nobody is told.
    known = await root.post(USERS, json={"email": "new@example.org", "name": "Other", "role": "admin"})
    assert (known.status_code, known.json()["name"], known.json()["role"]) == (200, "New One", "admin")
    assert await invited(api) == ["new@example.org"]
    is_problem(await root.post(USERS, json={"email": "nobody"}), 422)
    is_problem(await root.post(USERS, json={"email": "a@example.org", "role": "owner"}), 422)


async def test_people_are_listed_by_address_page_by_page_and_found_by_a_part(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    for name in ("carl", "bob", "dora"):
        await api.person(f"{name}@example.org")
    found: list[str] = []
    cursor = ""
    while True:
        page = (await root.get(USERS, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        found += [each["email"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"{name}@example.org" for name in ("admin", "bob", "carl", "dora")]
    [bob] = (await root.get(USERS, params={"q": "BOB"})).json()["items"]
    assert bob["email"] == "bob@example.org"
    is_problem(await root.get(USERS, params={"cursor": "damaged"}), 422)


async def test_who_is_shut_out_can_do_nothing_until_they_are_let_in_again(api: Api, looked_up: None) -> None:
    root, program = await api.program(ADMIN, ALL, admin=True), await api.program()
    where = f"{USERS}/{(await api.person(OWNER)).id}"
    gone = await root.post(f"{where}/disable")
    assert gone.status_code == 200 and gone.json()["disabled_at"] is not None
    is_problem(await program.get(f"{V1}/tasks"), 401)
    back = await root.post(f"{where}/enable")
    assert back.status_code == 200 and back.json()["disabled_at"] is None
    assert (await program.get(f"{V1}/tasks")).status_code == 200


async def test_a_role_changes_what_a_token_is_worth_at_once(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    second = await api.program(OTHER, ALL, admin=True)
    where = f"{USERS}/{(await api.person(OTHER)).id}/role"
    assert (await second.get(USERS)).status_code == 200
    changed = await root.post(where, json={"role": "member"})
    assert (changed.status_code, changed.json()["role"]) == (200, "member")
    is_problem(await second.get(USERS), 403)
    is_problem(await root.post(where, json={"role": "owner"}), 422)


async def test_the_last_administrator_stays_one(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    where = f"{USERS}/{(await api.person(ADMIN)).id}"
    is_problem(await root.post(f"{where}/role", json={"role": "member"}), 409)
    is_problem(await root.post(f"{where}/disable"), 409)
    assert (await root.get(where)).json()["role"] == "admin"


async def test_the_audit_tells_who_did_what_through_the_api(api: Api) -> None:
    root, program = await api.program(ADMIN, ALL, admin=True), await api.program()
    task = await make_task(program, title="A thing")
    await program.post(f"{V1}/tasks/{task}/cancel")
    await root.post(USERS, json={"email": "new@example.org"})

    async def lines(**params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await root.get(f"{V1}/audit", params=params)).json()["items"]
        return found

    [cancelled, made] = await lines(task=str(task))
    assert [(each["verb"], each["actor"]) for each in (made, cancelled)] == [
        ("enqueue", f"user:{OWNER}"),
        ("cancel", f"user:{OWNER}"),
    ]
    assert (made["about"], made["target"], made["area"]) == ("A thing", str(task), "task")
    assert {each["area"] for each in await lines(actor=ADMIN)} == {"user"}
    assert [each["verb"] for each in await lines(actor=OWNER, verb="cancel")] == ["cancel"]
    assert await lines(area="bulk") == []
    assert await lines(until="1h") == []
    whole = await lines()
    first = (await root.get(f"{V1}/audit", params={"limit": 2})).json()
    rest = await lines(cursor=first["next_cursor"])
    assert first["items"] + rest == whole
    assert {each["area"] for each in await lines(everything="true")} == {"task"}


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"area": "moon"}, "area"),
        ({"since": "yesterday"}, "since"),
        ({"until": "x"}, "until"),
        ({"task": "1"}, "task"),
        ({"cursor": "x"}, "cursor"),
        ({"who": "x"}, "who"),
    ],
)
async def test_a_filter_of_the_audit_that_does_not_fit_is_refused(api: Api, params: dict[str, str], wrong: str) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    problem = is_problem(await root.get(f"{V1}/audit", params=params), 422)
    assert problem["errors"][0]["parameter"] == wrong


async def test_the_doctor_says_how_each_thing_stands_and_what_to_do(api: Api) -> None:
    root = await api.program(ADMIN, ALL, admin=True)
    found = (await root.get(f"{V1}/doctor")).json()
    checks = {each["check"]: each for each in found["checks"]}
    assert checks["Database"]["health"] == "ok"
    ill = [each for each in found["checks"] if each["health"] != "ok"]
    assert ill and all(each["do"] for each in ill), "no worker runs"
    assert found["health"] == max((each["health"] for each in ill), key=["warn", "fail"].index)


@pytest.mark.slow
async def test_workers_are_listed_with_what_of_ones_own_they_are_doing(api: Api) -> None:
    program, other = await api.program(), await api.program(OTHER)
    assert (await program.get(f"{V1}/workers")).json() == {"items": []}
    async with working(api.database, api.settings):
        task = await make_task(program, payload={"seconds": 60}, title="Long")
        await until_state(api.database, task, "running")
        [worker] = (await program.get(f"{V1}/workers")).json()["items"]
        assert worker["state"] == "online"
        assert [(each["id"], each["title"]) for each in worker["doing"]] == [(str(task), "Long")]
        [seen] = (await other.get(f"{V1}/workers")).json()["items"]
        assert (seen["id"], seen["doing"]) == (worker["id"], [])
        await program.post(f"{V1}/tasks/{task}/cancel")
