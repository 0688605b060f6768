"""Export and erasure by page, API and command."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis

from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.cli import main
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.personal_data import views
from holdgate.personal_data.erasing import erase_all
from tests.elements import texts
from tests.factories.accounts import HANDLERS, World
from tests.factories.applications import site_with
from tests.factories.programs import ADMIN, ALL, V1, Api, api_of, is_problem

PATH = "/admin/personal-data"
ANN = "ann@example.com"


@pytest.fixture
async def world(settings: Settings, database: Database) -> AsyncIterator[World]:
    site = site_with(settings, database, None, session_middleware, [*HANDLERS, *views.handlers])
    async with site as shield, AsyncExitStack() as stack:
        yield World(settings, database, shield, stack)


@pytest.fixture
async def api(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[Api]:
    async with api_of(msgspec.structs.replace(settings, rate_limit_max=100_000), database, redis) as made:
        yield made


async def test_an_administrator_exports_and_erases_somebody_who_exports_their_own(world: World) -> None:
    await world.add(ANN)
    await world.add("root@example.com", admin=True)
    ann, root = await world.sign_in(ANN), await world.sign_in("root@example.com")
    own = (await ann.get("/settings/data.json")).json()
    assert (own["person"]["address"], [row["email"] for row in own["tables"]["users"]]) == (ANN, [ANN])
    for path in (PATH, f"{PATH}/export.json?address={ANN}"):
        assert (await ann.get(path)).status_code == 403
    assert (await root.get(f"{PATH}/export.json?address={ANN}")).json()["tables"]["users"]
    page = await root.get(f"{PATH}?address=Ann@Example.com")
    assert ANN in page.text
    for wrong in (
        {"address": ANN},
        {"address": ANN, "again": "ann"},
        {"address": "root@example.com"},
        {"address": "x"},
    ):
        refused = await root.post(f"{PATH}/erase", {"again": "root@example.com", **wrong})
        assert refused.status_code == 422
    assert (await root.post(f"{PATH}/erase", {"address": ANN, "again": ANN.upper()})).status_code == 303
    assert (await ann.get("/settings")).status_code == 303  # signed out at once
    await erase_all(world.database, world.settings)
    page = await root.get(PATH)
    assert "@erased.invalid" in "".join(texts(page, "table"))
    assert ANN not in (await root.get("/admin/users")).text


async def test_a_program_of_an_administrator_erases_somebody_and_follows_it(api: Api) -> None:
    root, ann = await api.program(ADMIN, ALL, admin=True), await api.program(ANN, ALL)
    assert (await ann.get(f"{V1}/account/data")).json()["tables"]["api_tokens"]
    is_problem(await ann.get(f"{V1}/people/export", params={"address": ANN}), 403)
    found = (await root.get(f"{V1}/people/export", params={"address": ANN})).json()
    assert [row["email"] for row in found["tables"]["users"]] == [ANN]
    begun = await root.post(f"{V1}/people/erase", json={"address": ANN})
    assert (begun.status_code, begun.json()["done_at"]) == (201, None)
    await erase_all(api.database, api.settings)
    done = (await root.get(begun.headers["location"])).json()
    assert done["done_at"]
    assert done["changed"]["api_tokens"] == 1
    is_problem(await ann.get(f"{V1}/account"), 401)
    is_problem(await root.post(f"{V1}/people/erase", json={"address": done["pseudonym"]}), 409)
    for own in (ADMIN, ADMIN.replace("@", "+old@")):
        is_problem(await root.post(f"{V1}/people/erase", json={"address": own}), 422)


def test_the_operator_looks_after_people_on_the_command_line(settings: Settings, database: Database) -> None:
    """Every one of its changes is in the audit."""
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "DATA_DIR": str(settings.data_dir),
    }

    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["user", *words], env=environment)
        assert done.exit_code == status, done.output
        return done.output

    run("add", "root@example.com", "--admin")
    run("add", ANN)
    run("disable", ANN)
    assert [line.split("\t")[:3] for line in run("list").splitlines()] == [
        [ANN, "member", "disabled"],
        ["root@example.com", "admin", "active"],
    ]
    assert "user enable" in run("sign-in-link", ANN, status=1)
    run("enable", ANN)
    assert "/login/" in run("sign-in-link", ANN)
    assert "last" in run("disable", "root@example.com", status=1)
    assert "user add" in run("disable", "nobody@example.com", status=1)
    assert json.loads(run("export", ANN))["tables"]["users"][0]["email"] == ANN
    assert "@erased.invalid" in run("erase", ANN, "--yes")
    assert [line.split("\t")[2] for line in run("list").splitlines()] == ["erased", "active"]
    verbs = [row["verb"] for row in json.loads(run("export", "root@example.com"))["tables"]["audit_events"]]
    assert verbs == ["add"]
