"""Groups: the pages, the commands, and what the audit tells of them."""

from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.cli import main
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.groups import queries, service
from holdgate.groups.errors import FullGroup, GroupExists, GroupNotFound
from tests.factories.people import Browser, add_user
from tests.factories.site import site_of
from tests.servers import Servers

ANN, BOB = "ann@example.org", "bob@example.org"
HOME = "/admin/groups"


async def members(database: Database, name: str) -> list[str] | None:
    async with database.read() as session:
        found = await queries.find_group(session, name)
        return None if found is None else found.members


@pytest.fixture
async def root(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[Browser]:
    person = await add_user(database, "root@example.org", "admin")
    async with site_of(settings, database, redis) as transport, Browser(transport, person) as browser:
        yield browser


async def test_an_administrator_makes_a_group_and_says_who_is_in_it(database: Database, root: Browser) -> None:
    made = await root.send_form(HOME, {"name": "Security", "members": f"{ANN}, Bob@Example.org\n{ANN}"})
    assert (made.status_code, made.headers["location"]) == (303, f"{HOME}/security")
    assert await members(database, "security") == [ANN, BOB]
    assert "security" in (await root.get(HOME)).text
    await root.send_form(f"{HOME}/security/members/remove", {"members": ANN})
    await root.send_form(f"{HOME}/security/members", {"members": "cid@example.org"})
    assert await members(database, "security") == [BOB, "cid@example.org"]
    assert (await root.send_form(f"{HOME}/security/delete")).status_code == 303
    assert await members(database, "security") is None
    assert (await root.get(f"{HOME}/security")).status_code == 404


async def test_what_does_not_fit_is_said_at_its_field_and_leaves_nothing_behind(
    database: Database, root: Browser
) -> None:
    for sent, field in (
        ({"name": "no good"}, "name"),
        ({"name": "security", "members": "ann@example.org nobody"}, "members"),
    ):
        refused = await root.send_form(HOME, sent)
        assert refused.status_code == 422 and f'id="f-{field}-error"' in refused.text
    assert await members(database, "security") is None
    await root.send_form(HOME, {"name": "security"})
    again = await root.send_form(HOME, {"name": "security"})
    assert again.status_code == 422 and 'id="f-name-error"' in again.text
    worse = await root.send_form(f"{HOME}/security/members", {"members": "nobody"})
    assert worse.status_code == 422 and 'id="f-members-error"' in worse.text


async def test_only_administrators_see_groups(settings: Settings, database: Database, redis: Redis) -> None:
    person = await add_user(database, ANN)
    async with site_of(settings, database, redis) as transport, Browser(transport, person) as browser:
        assert (await browser.get(HOME)).status_code == 403
        assert (await browser.send_form(HOME, {"name": "security"})).status_code == 403


async def test_a_group_is_there_once_and_has_a_bound(database: Database) -> None:
    async with database.write("system") as session:
        await service.create_group(session, "security")
    many = [f"p{n}@example.org" for n in range(service.MOST_MEMBERS)]
    for wrong, work in (
        (GroupExists, lambda session: service.create_group(session, "SECURITY ")),
        (GroupNotFound, lambda session: service.add_members(session, "finance", [ANN])),
        (GroupNotFound, lambda session: service.members_of(session, ["security", "finance"])),
        (Invalid, lambda session: service.create_group(session, "-x")),
        (FullGroup, lambda session: service.add_members(session, "security", [*many, ANN])),
    ):
        with pytest.raises(wrong):
            async with database.write("system") as session:
                await work(session)
    assert await members(database, "security") == []


async def test_the_audit_tells_what_was_done_to_groups_whoever_did_it(database: Database) -> None:
    async with database.write("user:root@example.org") as session:
        await service.create_group(session, "security", members=[ANN])
        await service.describe_group(session, "security", "Who knows")
        await service.remove_members(session, "security", [ANN, BOB])
        await service.add_members(session, "security", [ANN, BOB])
        await service.delete_group(session, "security")
        rows = await session.execute(
            text("SELECT verb, data->>'email' FROM audit_events WHERE area = 'group' AND subject = 'security'")
        )
        told = sorted((verb, email or "") for verb, email in rows)
    assert told == [
        ("add", ""),
        ("add_member", ANN),
        ("add_member", ANN),
        ("add_member", BOB),
        ("change", ""),
        ("remove", ""),
        ("remove_member", ANN),
    ]


def test_the_command_line_makes_lists_and_deletes_groups(servers: Servers, database: Database) -> None:
    environment = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}

    def holdgate(*words: str) -> tuple[int, str]:
        done = CliRunner(env=environment).invoke(main, ["group", *words])
        return done.exit_code, done.output

    assert holdgate("create", "security", ANN)[0] == 0
    assert holdgate("add", "security", BOB)[0] == 0
    assert holdgate("list") == (0, f"security\t{ANN}\nsecurity\t{BOB}\n")
    assert holdgate("remove", "security", ANN, BOB)[0] == 0
    assert holdgate("list") == (0, "security\t\n")
    assert holdgate("delete", "security")[0] == 0
    code, said = holdgate("delete", "security")
    assert code == 1 and "security" in said and "Traceback" not in said
