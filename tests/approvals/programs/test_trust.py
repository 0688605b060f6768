"""Trusting a program by the API and at the command line; the page is in test_telling.py."""

from functools import partial
from pathlib import Path

from holdgate.core.scopes import Scope
from tests.command import command
from tests.factories.asking import ASKS
from tests.factories.programs import ADMIN, ALL, OWNER, V1, Api, is_problem
from tests.processes import environment
from tests.servers import Servers


async def test_administrators_and_operators_trust_a_program(api: Api, servers: Servers, tmp_path: Path) -> None:
    token = await api.token(OWNER, ASKS)
    await api.token(OWNER, [Scope.TASKS_READ])
    admin = await api.program(ADMIN, ALL, admin=True)

    async def trusted_by() -> str | None:
        [program] = (await admin.get(f"{V1}/programs")).json()["items"]
        assert (program["name"], program["owner"], program["prefix"]) == ("tests", OWNER, token[:9])
        found: str | None = program["trusted_by"]
        return found

    trust = partial(command, environment(servers, tmp_path), "token", "trust")

    [program] = (await admin.get(f"{V1}/programs")).json()["items"]
    assert await trusted_by() is None
    path = f"{V1}/programs/{program['id']}/trust"
    assert (await admin.post(path, json={"trusted": True})).json() == {"id": program["id"], "trusted": True}
    assert await trusted_by() == ADMIN
    assert (await trust(token[:5], "--stop")).exit_code == 0 and await trusted_by() is None
    done = await trust(token[:9])
    assert done.exit_code == 0 and "“tests” of owner@example.org" in done.stdout
    assert await trusted_by() == "an operator"
    refused = await trust("hg_nobody")
    assert refused.exit_code == 1 and "No token that may ask people" in refused.stderr
    is_problem(
        await admin.post(f"{V1}/programs/{'0' * 8}-0000-7000-8000-{'0' * 12}/trust", json={"trusted": True}), 404
    )
