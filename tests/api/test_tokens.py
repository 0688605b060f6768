"""Who a program is: personal tokens, their scopes, their end; and that cookies open nothing."""

import asyncio
import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.accounts.tokens import cache, queries
from holdgate.accounts.tokens.personal import USUAL
from holdgate.core.scopes import Scope
from holdgate.schedules import service as schedules
from holdgate.schedules.plan import SchedulePlan
from tests.command import command
from tests.factories.accounts import Browser
from tests.factories.programs import ADMIN, OTHER, OWNER, SCHEDULE, V1, WEBHOOK, Api, is_problem
from tests.processes import environment
from tests.servers import Servers


async def test_a_token_opens_what_its_scopes_name(api: Api) -> None:
    reader = await api.program(scopes=[Scope.TASKS_READ])
    assert (await reader.get(f"{V1}/tasks")).status_code == 200
    refused = await reader.post(f"{V1}/tasks", json={"kind": "sample.task"})
    is_problem(refused, 403)
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="tasks:write"'
    assert await api.sql("SELECT 1 FROM tasks") == []


@pytest.mark.parametrize(
    "header", ["Bearer hg_unknown-token-of-nobody", "Bearer ", "Basic dTpw", "Bearer eyJ.x.y", "hg_x", "Bearer hg_\x7f"]
)
async def test_what_is_no_valid_token_is_told_so(api: Api, header: str) -> None:
    stranger = await api.client(Authorization=header)
    answer = await stranger.get(f"{V1}/tasks")
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_without_a_token_one_is_asked_for(api: Api) -> None:
    answer = await (await api.client()).get(f"{V1}/tasks")
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_only_a_digest_of_the_token_is_stored(api: Api) -> None:
    token = await api.token()
    rows = await api.sql("SELECT t::text FROM api_tokens t")
    assert len(rows) == 1 and token not in rows[0][0] and token[:9] in rows[0][0]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are looked up for every request: what another process changes is seen at once, not a second later."""
    monkeypatch.setattr(cache, "SECONDS", 0.0)


async def test_a_token_is_looked_up_once_for_many_requests(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SECONDS", 60.0)
    program = await api.program()
    looks, look_up = [], queries.holder_of

    async def noted(connection: Any, token_hash: bytes) -> Any:
        looks.append(token_hash)
        return await look_up(connection, token_hash)

    monkeypatch.setattr(queries, "holder_of", noted)
    for _ in range(5):
        assert (await program.get(f"{V1}/kinds")).status_code == 200
    assert len(looks) == 1


async def test_a_token_that_another_process_revokes_ends_soon(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SECONDS", 0.3)
    program = await api.program()
    assert (await program.get(f"{V1}/kinds")).status_code == 200
    await api.sql("DELETE FROM api_tokens")
    assert (await program.get(f"{V1}/kinds")).status_code == 200, "believed for a moment"
    async with asyncio.timeout(10):
        while (answer := await program.get(f"{V1}/kinds")).status_code == 200:
            await asyncio.sleep(0.05)
    is_problem(answer, 401)


async def test_a_token_ends_when_it_expires(api: Api, looked_up: None) -> None:
    program = await api.client(await api.token(lasts=timedelta(hours=1)))
    assert (await program.get(f"{V1}/kinds")).status_code == 200
    await api.sql("UPDATE api_tokens SET expires_at = now() - interval '1 second'")
    is_problem(await program.get(f"{V1}/kinds"), 401)


async def test_a_token_ends_when_its_person_is_shut_out(api: Api, looked_up: None) -> None:
    program = await api.program()
    await api.sql("UPDATE users SET disabled_at = now()")
    is_problem(await program.get(f"{V1}/kinds"), 401)


async def test_its_use_is_noted_once_a_minute(api: Api, looked_up: None) -> None:
    program = await api.program()
    for _ in range(3):
        await program.get(f"{V1}/kinds")
    [[first]] = await api.sql("SELECT used_at FROM api_tokens")
    assert first is not None
    await api.sql("UPDATE api_tokens SET used_at = now() - interval '2 minutes'")
    await program.get(f"{V1}/kinds")
    [[again]] = await api.sql("SELECT used_at > now() - interval '1 minute' FROM api_tokens")
    assert again


async def test_an_administrators_token_without_the_scope_admin_is_a_members(api: Api) -> None:
    owner = await api.program(OWNER)
    made = await owner.post(f"{V1}/tasks", json={"kind": "sample.task"})
    path = made.json()["url"]
    plain = await api.program(ADMIN, admin=True)
    is_problem(await plain.get(path), 404)
    whole = await api.program(ADMIN, [Scope.ADMIN], admin=True)
    assert (await whole.get(path)).status_code == 200


async def test_the_scope_admin_ends_with_the_role(api: Api, looked_up: None) -> None:
    owner = await api.program(OWNER)
    path = (await owner.post(f"{V1}/tasks", json={"kind": "sample.task"})).json()["url"]
    whole = await api.program(ADMIN, [*USUAL, Scope.ADMIN], admin=True)
    assert (await whole.get(path)).status_code == 200
    await api.sql("UPDATE users SET role = 'member'")
    is_problem(await whole.get(path), 404)


async def test_a_session_cookie_opens_no_api_and_a_token_no_page(api: Api) -> None:
    await api.person(OWNER)
    browser = Browser(await api.client())
    async with api.database.write("system") as session:
        url = await create_sign_in_link(session, OWNER, api.settings.base_url)
    assert (await browser.press(url.rsplit("/", 1)[-1])).status_code == 303
    assert await browser.signed_in()
    is_problem(await browser.client.get(f"{V1}/tasks"), 401)
    is_problem(await browser.client.post(f"{V1}/tasks", json={"kind": "sample.task"}), 401)
    program = await api.program()
    page = await program.get("/overview")
    assert page.status_code == 303 and page.headers["location"].startswith("/login")


async def signed_in(api: Api) -> Browser:
    """The browser of OWNER."""
    await api.person(OWNER)
    browser = Browser(await api.client())
    async with api.database.write("system") as session:
        url = await create_sign_in_link(session, OWNER, api.settings.base_url)
    await browser.press(url.rsplit("/", 1)[-1])
    return browser


async def test_a_person_makes_sees_and_revokes_a_token_on_the_page(api: Api) -> None:
    browser = await signed_in(api)
    page = await browser.get("/settings/tokens")
    assert "No tokens" in page.text and "everybody" not in page.text
    made = await browser.post(
        "/settings/tokens", {"name": "nightly", "scopes": ["tasks:read", "tasks:write"], "days": "30"}
    )
    assert made.status_code == 201
    token = token_in(made)
    program = await api.client(token)
    assert (await program.get(f"{V1}/tasks")).status_code == 200
    shown = await browser.get("/settings/tokens")
    assert token not in shown.text and token[:9] in shown.text and "nightly" in shown.text
    [[token_id]] = await api.sql("SELECT id FROM api_tokens")
    gone = await browser.post(f"/settings/tokens/{token_id}/revoke")
    assert gone.status_code == 303
    is_problem(await program.get(f"{V1}/tasks"), 401)


def token_in(answer: httpx.Response) -> str:
    token: str
    [token] = set(re.findall(r"hg_[A-Za-z0-9_-]{43}", answer.text))
    return token


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "", "scopes": ["tasks:read"], "days": "30"}, "This field is required."),
        ({"name": "x", "days": "30"}, "Choose at least one."),
        ({"name": "x", "scopes": ["admin"], "days": "30"}, "Leave out admin."),
        ({"name": "x", "scopes": ["everything"], "days": "30"}, "Choose an option from the list."),
        (
            {"name": "x", "scopes": ["tasks:read"], "days": "99999"},
            "Must be a whole number, at least 0 and at most 3650.",
        ),
    ],
)
async def test_a_form_that_does_not_fit_makes_no_token(api: Api, values: dict[str, object], said: str) -> None:
    browser = await signed_in(api)
    await browser.get("/settings/tokens")
    answer = await browser.post("/settings/tokens", values)
    assert answer.status_code == 422 and said in answer.text
    assert await api.sql("SELECT 1 FROM api_tokens") == []


async def test_nobody_revokes_anothers_token(api: Api) -> None:
    await api.token(ADMIN, admin=True)
    browser = await signed_in(api)
    await browser.get("/settings/tokens")
    [[token_id]] = await api.sql("SELECT id FROM api_tokens")
    assert (await browser.post(f"/settings/tokens/{token_id}/revoke")).status_code == 404
    assert len(await api.sql("SELECT 1 FROM api_tokens")) == 1


async def test_what_a_token_made_is_named_when_it_is_revoked_and_ends_only_when_told_to(api: Api) -> None:
    """A webhook and a schedule of a leaked token would go on sending and working for whoever made them."""
    programs = [await api.program(), await api.program()]
    for program in programs:
        url = (await program.post(f"{V1}/webhooks", json=WEBHOOK)).headers["location"]
        await program.post(f"{V1}/schedules", json=SCHEDULE)
    own = await api.person(OWNER)
    async with api.database.write(own.actor) as session:  # no token made it
        await schedules.create(
            session, own, SchedulePlan(name="By hand", kind="sample.task", payload={}, cron="0 9 * * *")
        )
    second, first = (item["id"] for item in (await programs[0].get(f"{V1}/account/tokens")).json()["items"])

    browser = await signed_in(api)
    page = await browser.get(f"/settings/tokens/{first}/revoke")
    assert SCHEDULE["name"] in page.text and str(WEBHOOK["url"]) in page.text and "By hand" not in page.text
    gone = await browser.post(f"/settings/tokens/{first}/revoke", {"pause": "on"})
    assert gone.status_code == 303
    assert (await browser.get(f"/settings/tokens/{first}/revoke")).status_code == 404
    paused = "SELECT token_id, paused_at IS NOT NULL FROM schedules UNION ALL SELECT token_id, disabled_at IS NOT NULL"
    for_each = sorted(map(tuple, await api.sql(f"{paused} FROM webhook_endpoints")), key=str)
    assert for_each == sorted([(None, False), *[(UUID(first), True)] * 2, *[(UUID(second), False)] * 2], key=str)

    # What a token changed last is its own, too; the other one's webhook is paused, and not named.
    assert (await programs[1].post(url, json={"events": ["run.started"]})).status_code == 200
    answer = await programs[1].post(f"{V1}/account/tokens/{second}/revoke")
    assert sorted(use["what"] for use in answer.json()["goes_on"]) == ["schedule", "webhook"]
    other = await api.program(OTHER)
    is_problem(await other.post(f"{V1}/account/tokens/{second}/revoke?pause=true"), 404)


async def test_a_program_pauses_what_its_token_made_with_it(api: Api) -> None:
    program = await api.program()
    await program.post(f"{V1}/webhooks", json=WEBHOOK)
    [token] = (await program.get(f"{V1}/account/tokens")).json()["items"]
    answer = await program.post(f"{V1}/account/tokens/{token['id']}/revoke?pause=true")
    assert answer.json() == {"id": token["id"], "goes_on": []}
    [[reason]] = await api.sql("SELECT disabled_reason FROM webhook_endpoints")
    assert OWNER in reason


async def test_long_expired_tokens_are_forgotten(api: Api) -> None:
    await api.token(lasts=timedelta(days=1))
    await api.sql("UPDATE api_tokens SET expires_at = now() - interval '29 days'")
    async with api.database.write("system") as session:
        await queries.delete_ended_tokens(session)
    assert len(await api.sql("SELECT 1 FROM api_tokens")) == 1
    await api.sql("UPDATE api_tokens SET expires_at = now() - interval '31 days'")
    async with api.database.write("system") as session:
        await queries.delete_ended_tokens(session)
    assert await api.sql("SELECT 1 FROM api_tokens") == []


async def test_no_token_is_logged(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    token = await api.token()
    await (await api.client(token)).get(f"{V1}/tasks?q={token}")
    await (await api.client(token + "x")).get(f"{V1}/tasks")
    said = capsys.readouterr()
    assert "/api/v1/tasks" in said.out + said.err and token not in said.out + said.err


async def test_the_command_prints_the_token_alone(api: Api, servers: Servers, tmp_path: Path) -> None:
    await api.person(OWNER)

    run = partial(command, environment(servers, tmp_path), "token", "create")
    made = await run(OWNER, "--scope", "tasks:read", "--name", "cron", "--days", "7")
    assert re.fullmatch(r"hg_[A-Za-z0-9_-]{43}\n", made.stdout), made.stderr
    program = await api.client(made.stdout.strip())
    assert (await program.get(f"{V1}/tasks")).status_code == 200
    is_problem(await program.post(f"{V1}/tasks", json={"kind": "sample.task"}), 403)
    assert await api.sql("SELECT name, expires_at > now() + interval '6 days' FROM api_tokens") == [("cron", True)]
    for arguments, said in (
        (("nobody@example.org",), "holdgate user add nobody@example.org"),
        ((OWNER, "--scope", "admin"), "Only an administrator"),
    ):
        refused = await run(*arguments)
        assert (refused.exit_code, refused.stdout) == (1, "") and said in refused.stderr
