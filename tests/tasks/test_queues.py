"""Pausing a queue: nothing of it is claimed, nothing of the others waits, and it is known who did it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.runtime import workers
from holdgate.tasks import queues
from holdgate.tasks.queue import limits
from holdgate.tasks.queues import QueueVerb
from holdgate.tasks.states import TaskState
from tests.elements import texts
from tests.factories.people import Browser, add_user, words
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import claim, make_task


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def admin(database: Database, transport: httpx.ASGITransport) -> AsyncIterator[Browser]:
    async with browser_of(transport, await add_user(database, "root@example.org", "admin")) as browser:
        yield browser


async def test_a_paused_queue_gives_out_nothing_until_it_is_resumed(database: Database) -> None:
    root = await add_user(database, "root@example.org", "admin")
    await make_task(database)
    await make_task(database, queue="mail")
    async with database.write(root.actor) as session:
        assert await queues.act(session, root, "default", QueueVerb.PAUSE)
        assert not await queues.act(session, root, "default", QueueVerb.PAUSE)
    assert await claim(database) == []
    assert len(await claim(database, queue="mail")) == 1
    async with database.write(root.actor) as session:
        assert await queues.act(session, root, "default", QueueVerb.RESUME)
        assert not await queues.act(session, root, "default", QueueVerb.RESUME)
    assert len(await claim(database)) == 1


async def test_a_paused_queue_is_not_walked_at_all(database: Database) -> None:
    await make_task(database)
    async with database.write("system") as session:
        await session.execute(text("INSERT INTO queues VALUES ('default', now(), 'x')"))
        plan = await session.execute(
            text(
                "EXPLAIN (ANALYZE) SELECT id FROM tasks WHERE state = 'queued' AND queue = 'default'"
                " AND NOT EXISTS (SELECT FROM queues WHERE name = 'default' AND paused_at IS NOT NULL)"
            )
        )
        assert "never executed" in "\n".join(plan.scalars())


async def test_of_two_who_pause_at_once_one_has_done_it_and_the_log_has_one_line(database: Database) -> None:
    ann = await add_user(database, "ann@example.org", "admin")
    bob = await add_user(database, "bob@example.org", "admin")
    barrier = asyncio.Barrier(2)

    async def pause(by: Principal) -> bool:
        async with database.write(by.actor) as session:
            await barrier.wait()
            return await queues.act(session, by, "default", QueueVerb.PAUSE)

    outcomes = await asyncio.gather(pause(ann), pause(bob))
    assert sorted(outcomes) == [False, True]
    async with database.read() as session:
        [event] = await queues.latest_events(session)
        [line] = await queues.standing(session, {}, [])
    winner = (ann, bob)[outcomes.index(True)]
    assert (event.verb, event.actor, line.paused_by) == ("pause", winner.actor, winner.email)


async def test_the_page_shows_depth_and_an_administrator_pauses_without_htmx(
    database: Database, admin: Browser
) -> None:
    for state in (TaskState.QUEUED, TaskState.RUNNING, TaskState.SCHEDULED):
        await make_task(database, state, queue="slow")
    async with database.write("worker:x") as session:
        await workers.beat(session, uuid7(), "host", 1, {"served": 3}, 0, False)
    shown = words(await admin.get("/queues"))
    assert "slow" in shown
    assert "served" in shown
    answer = await admin.send_form("/queues/slow/pause")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queues")
    page = await admin.get("/queues")
    assert "root@example.org" in texts(page, data_cell="paused")[0]
    assert "root@example.org" in texts(page, "section", id="queue-events")[0]
    assert "Paused" in words(await admin.get("/overview"))
    assert (await admin.send_form("/queues/slow/resume")).status_code == 303
    assert "paused by" not in words(await admin.get("/queues"))


async def test_an_administrator_sets_a_limit_without_a_deploy_and_it_is_known_who_did(
    database: Database, admin: Browser
) -> None:
    path = "/kinds/test.nothing/limits"
    assert "no limit" in words(await admin.get(path))
    answer = await admin.send_form(path, {"concurrency": "2", "rate_count": "10", "rate_seconds": "60"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queues")
    page = await admin.get("/queues")
    assert {"root@example.org", "2", "10"} <= set(texts(page, "tr", data_kind="test.nothing")[0].split())
    assert {"test.nothing", "2", "10", "00:01:00", "root@example.org"} <= set(
        texts(page, "section", id="limit-events")[0].split()
    )
    assert 'value="10"' in (await admin.get(path)).text
    assert (await admin.send_form(path, {"concurrency": "0"})).status_code == 303
    await make_task(database)
    assert await claim(database) == []
    assert (await admin.send_form(path, {"as_declared": "yes"})).status_code == 303
    assert "no limit" in words(await admin.get(path))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"concurrency": "-1"}, "Must be a whole number, at least 0"),
        ({"concurrency": "two"}, "Must be a whole number"),
        ({"rate_count": "3"}, "A rate needs both"),
        ({"rate_seconds": "3"}, "A rate needs both"),
        ({"rate_count": "0", "rate_seconds": "3"}, "Must be a whole number, at least 1"),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused_at_its_field(
    database: Database, admin: Browser, values: dict[str, str], said: str
) -> None:
    answer = await admin.send_form("/kinds/test.nothing/limits", values)
    assert answer.status_code == 422
    assert said in words(answer)
    async with database.read() as session:
        assert await limits.all_limits(session) == {}


async def test_a_member_sees_limits_and_may_not_set_them(database: Database, transport: httpx.ASGITransport) -> None:
    root = await add_user(database, "root@example.org", "admin")
    async with database.write(root.actor) as session:
        await limits.set_limits(session, root, "test.nothing", limits.KindLimits(concurrency=3))
    async with browser_of(transport, await add_user(database, "ann@example.org")) as member:
        assert "test.nothing" in words(await member.get("/queues"))
        assert (await member.get("/kinds/test.nothing/limits")).status_code == 403
        assert (await member.send_form("/kinds/test.nothing/limits", {"concurrency": "9"})).status_code == 403


async def test_limits_of_an_unknown_kind_are_not_found(admin: Browser) -> None:
    assert (await admin.get("/kinds/test.unknown/limits")).status_code == 404
    assert (await admin.send_form("/kinds/test.unknown/limits", {"concurrency": "1"})).status_code == 404


async def test_members_see_the_queues_and_may_not_pause_them(
    database: Database, transport: httpx.ASGITransport
) -> None:
    async with browser_of(transport, await add_user(database, "ann@example.org")) as member:
        assert (await member.get("/queues")).status_code == 200
        assert (await member.send_form("/queues/default/pause")).status_code == 403
    assert len([await make_task(database)]) == len(await claim(database))


@pytest.mark.parametrize("path", ["/queues/default/explode", "/queues/No%20Such/pause"])
async def test_what_is_no_queue_or_no_verb_is_not_found(admin: Browser, path: str) -> None:
    assert (await admin.send_form(path)).status_code == 404
