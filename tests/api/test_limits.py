"""Limits of programs: exact over processes, told in headers, and without Redis as well."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests import processes
from tests.factories.programs import OTHER, V1, Api, api_of, is_problem
from tests.servers import Servers

TASK = {"kind": "sample.task"}


@pytest.mark.slow
@pytest.mark.slow
async def test_two_processes_let_exactly_sixty_of_two_hundred_through(
    api: Api, servers: Servers, tmp_path: Path, redis: Redis
) -> None:
    token = await api.token()
    environ = processes.environment(servers, tmp_path, RATE_LIMIT_MAX="60", RATE_LIMIT_WINDOW="1h")
    ports = processes.free_port(), processes.free_port()
    headers = {"Authorization": f"Bearer {token}"}
    with (
        processes.web(environ, tmp_path / "one.log", ports[0]),
        processes.web(environ, tmp_path / "two.log", ports[1]),
    ):
        async with httpx.AsyncClient(headers=headers, timeout=60) as client:
            answers = await asyncio.gather(
                *(client.post(f"http://127.0.0.1:{ports[n % 2]}{V1}/tasks", json=TASK) for n in range(200))
            )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (60, 140)
    assert await api.sql("SELECT count(*) FROM tasks") == [(60,)]


@pytest.fixture
def strict(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, rate_limit_max=3, rate_limit_window=timedelta(hours=1))


@pytest.mark.parametrize("with_redis", [True, False])
async def test_one_too_many_waits_and_is_told_how_long(
    strict: Settings, database: Database, redis: Redis, with_redis: bool
) -> None:
    async with api_of(strict, database, redis if with_redis else None) as api:
        program = await api.program()
        for left in (2, 1, 0):
            answer = await program.post(f"{V1}/tasks", json=TASK)
            assert answer.headers["ratelimit-policy"] == '"api-write";q=3;w=3600'
            assert answer.headers["ratelimit"].startswith(f'"api-write";r={left};t=')
        refused = await program.post(f"{V1}/tasks", json=TASK)
        is_problem(refused, 429)
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["ratelimit"].startswith('"api-write";r=0;t=')
        assert refused.headers["ratelimit-policy"] == '"api-write";q=3;w=3600'


async def test_reading_has_a_limit_of_its_own_and_so_has_everybody(
    strict: Settings, database: Database, redis: Redis
) -> None:
    async with api_of(strict, database, redis) as api:
        program = await api.program()
        for _ in range(4):
            await program.post(f"{V1}/tasks", json=TASK)
        reading = await program.get(f"{V1}/kinds")
        assert reading.status_code == 200
        assert reading.headers["ratelimit-policy"] == '"api-read";q=30;w=3600'
        assert (await (await api.program(OTHER)).post(f"{V1}/tasks", json=TASK)).status_code == 201


async def test_two_tokens_of_one_person_share_their_limit(strict: Settings, database: Database, redis: Redis) -> None:
    async with api_of(strict, database, redis) as api:
        first, second = await api.program(), await api.program()
        statuses = [(await program.post(f"{V1}/tasks", json=TASK)).status_code for program in (first, second) * 2]
        assert statuses == [201, 201, 201, 429]


async def test_an_address_has_a_limit_whoever_asks(strict: Settings, database: Database, redis: Redis) -> None:
    async with api_of(strict, database, redis) as api:
        statuses = []
        for n in range(11):
            program = await api.program(f"person{n}@example.org")
            statuses += [(await program.post(f"{V1}/tasks", json=TASK)).status_code for _ in range(3)]
        assert statuses == [201] * 30 + [429] * 3


async def test_guessing_tokens_is_slowed_down(strict: Settings, database: Database, redis: Redis) -> None:
    async with api_of(strict, database, redis) as api:
        stranger = await api.client("hg_" + "x" * 43)
        statuses = [(await stranger.get(f"{V1}/tasks")).status_code for _ in range(31)]
        assert statuses == [401] * 30 + [429]
        assert (await (await api.program()).get(f"{V1}/tasks")).status_code == 200
