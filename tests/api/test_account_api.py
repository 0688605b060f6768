"""One's own account for programs."""

from typing import Any

import pytest

from holdgate.accounts.queries import insert_session
from tests.factories.programs import OTHER, OWNER, V1, Api, is_problem, signed_in

ACCOUNT = f"{V1}/account"
FILE = {"Content-Type": "application/octet-stream"}
PROFILE = {
    "name": "Ann Archer",
    "email": "ann@mail.example",
    "phone": "+44 20 7946 0000",
    "cover_letter": "Dear {company} team",
    "answers": {"Do you need a visa?": "No"},
}


async def test_a_token_tells_whose_it_is_and_settings_change_one_by_one(api: Api) -> None:
    program = await api.program()
    before = (await program.get(ACCOUNT)).json()
    assert (before["email"], before["role"], before["time_zone"]) == (OWNER, "member", None)
    assert (before["run_notices"], before["shortcuts"]) == (True, True)
    changed = (await program.post(ACCOUNT, json={"time_zone": "Europe/Berlin", "run_notices": False})).json()
    assert changed == {**before, "time_zone": "Europe/Berlin", "run_notices": False}
    assert (await program.post(ACCOUNT, json={"shortcuts": False})).json() == {**changed, "shortcuts": False}
    assert (await program.post(ACCOUNT, json={"time_zone": None})).json()["time_zone"] is None
    for wrong in ({"time_zone": "Mars/Olympus"}, {"run_notices": "no"}, {"email": "x@example.org"}, {"role": "admin"}):
        is_problem(await program.post(ACCOUNT, json=wrong), 422)


async def test_the_profile_is_read_and_changed_whole_and_the_resume_stays(api: Api) -> None:
    program = await api.program()
    assert (await program.get(f"{ACCOUNT}/profile")).json()["email"] == OWNER
    await program.post(f"{ACCOUNT}/profile", json=PROFILE)
    await program.post(f"{ACCOUNT}/resume", params={"name": "cv"}, content=b"x", headers=FILE)
    changed = (await program.post(f"{ACCOUNT}/profile", json={**PROFILE, "phone": ""})).json()
    assert changed == (await program.get(f"{ACCOUNT}/profile")).json()
    assert {name: changed[name] for name in PROFILE} == {**PROFILE, "phone": ""}
    assert (changed["resume_name"], changed["resume_bytes"]) == ("cv.txt", 1)
    other = await api.program(OTHER)
    assert (await other.get(f"{ACCOUNT}/profile")).json()["answers"] == {}


async def test_a_resume_is_put_fetched_replaced_and_removed(api: Api) -> None:
    program, where = await api.program(), f"{ACCOUNT}/resume"
    is_problem(await program.get(where), 404)
    for content, name, kept in (
        (b"%PDF-1.7 x %%EOF", "My CV.docx", ("My CV.pdf", "application/pdf")),
        (b"A gardener.", "", ("resume.txt", "text/plain")),
    ):
        put = await program.post(where, params={"name": name} if name else {}, content=content, headers=FILE)
        assert put.json() == {"name": kept[0], "type": kept[1], "bytes": len(content), "warning": ""}
        fetched = await program.get(where)
        assert (fetched.content, fetched.headers["content-type"]) == (content, "application/octet-stream")
        assert (await program.get(f"{ACCOUNT}/profile")).json()["resume_name"] == kept[0]
    is_problem(await program.post(where, content=b"MZ\x00\x01", headers=FILE), 422)
    is_problem(await program.post(where, content=b"", headers=FILE), 422)
    is_problem(await program.post(where, json={"content": "x"}), 415)
    assert (await program.post(f"{where}/remove")).json()["name"] == "resume.txt"
    is_problem(await program.post(f"{where}/remove"), 404)
    assert (await program.get(f"{ACCOUNT}/profile")).json()["resume_bytes"] == 0


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"email": "nobody"}, "#/email"),
        ({"cover_letter": "Dear {boss}"}, "#/cover_letter"),
        ({"name": ""}, "#/name"),
        ({"answers": {"": "x"}}, "#"),
        ({"answers": {f"q{n}": "x" for n in range(201)}}, "#/answers"),
        ({"resume_name": "x.pdf"}, "#"),
    ],
)
async def test_a_profile_that_does_not_fit_is_refused_with_its_place(
    api: Api, values: dict[str, Any], place: str
) -> None:
    program = await api.program()
    problem = is_problem(await program.post(f"{ACCOUNT}/profile", json={**PROFILE, **values}), 422)
    assert problem["errors"][0]["pointer"].startswith(place)
    assert await api.sql("SELECT 1 FROM profiles") == []


async def test_a_token_revokes_tokens_itself_last_and_makes_none(api: Api) -> None:
    token = await api.token()
    program = await api.client(token)
    second = await api.program()
    listed = await program.get(f"{ACCOUNT}/tokens")
    assert token not in listed.text
    newest, own = listed.json()["items"]
    assert token.startswith(own["prefix"]) and own["scopes"] == ["tasks:read", "tasks:write", "approvals:decide"]
    assert (await second.get(ACCOUNT)).status_code == 200
    assert (await program.post(f"{ACCOUNT}/tokens/{newest['id']}/revoke")).json() == {"id": newest["id"], "goes_on": []}
    is_problem(await second.get(ACCOUNT), 401)
    is_problem(await program.post(f"{ACCOUNT}/tokens/{newest['id']}/revoke"), 404)
    is_problem(await program.post(f"{ACCOUNT}/tokens", json={"name": "x", "scopes": ["tasks:read"]}), 405)
    assert (await program.post(f"{ACCOUNT}/tokens/{own['id']}/revoke")).status_code == 200
    is_problem(await program.get(ACCOUNT), 401)


async def test_a_browser_is_signed_out(api: Api) -> None:
    program = await api.program()
    ids = await signed_in(api, OWNER)
    [session] = (await program.get(f"{ACCOUNT}/sessions")).json()["items"]
    assert session["id"] == ids["session_id"]
    assert (session["browser"], session["address"]) == ("Firefox on Linux", "192.0.2.7")
    where = f"{ACCOUNT}/sessions/{ids['session_id']}/revoke"
    is_problem(await (await api.program(OTHER)).post(where), 404)
    assert (await program.post(where)).json() == {"id": ids["session_id"]}
    assert (await program.get(f"{ACCOUNT}/sessions")).json() == {"items": []}
    is_problem(await program.post(where), 404)


async def test_one_is_signed_out_of_every_browser_of_one_s_own_and_programs_go_on(api: Api) -> None:
    program = await api.program()
    for email in (OWNER, OTHER):
        await signed_in(api, email)
    async with api.database.write("system") as session:
        owner = (await api.person(OWNER)).id
        await insert_session(session, b"x" * 32, owner, address="192.0.2.8", user_agent="")
    where = f"{ACCOUNT}/sessions/revoke"
    assert (await program.post(where, headers={"Idempotency-Key": "out"})).json() == {"ended": 2}
    assert (await program.get(f"{ACCOUNT}/sessions")).json() == {"items": []}
    again = await program.post(where, headers={"Idempotency-Key": "out"})
    assert (again.json(), again.headers["idempotency-replayed"]) == ({"ended": 2}, "true")
    assert (await program.post(where)).json() == {"ended": 0}
    [left] = await api.sql("SELECT u.email FROM sessions s JOIN users u ON u.id = s.user_id")
    assert left[0] == OTHER
