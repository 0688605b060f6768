"""Rate limits, with Redis and without."""

import asyncio
import time
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from holdgate.core.errors import TooMany
from holdgate.web.http.limits import Limit, RateLimits

LIMIT = Limit("test", 3, timedelta(seconds=60))


async def hits(limits: RateLimits, number: int, subject: str = "a") -> list[bool]:
    passed = []
    for _ in range(number):
        try:
            await limits.hit(LIMIT, subject)
            passed.append(True)
        except TooMany as refusal:
            assert 1 <= refusal.retry_after <= 60
            passed.append(False)
    return passed


async def test_one_too_many_is_refused_with_the_time_to_wait(redis: Redis) -> None:
    assert await hits(RateLimits(redis), 4) == [True, True, True, False]


async def test_processes_count_together(redis: Redis) -> None:
    first, second = RateLimits(redis), RateLimits(redis)
    assert await hits(first, 2) == [True, True]
    assert await hits(second, 2) == [True, False]


async def test_subjects_are_counted_apart_and_without_regard_to_case(redis: Redis) -> None:
    limits = RateLimits(redis)
    assert await hits(limits, 3, "A@x") + await hits(limits, 1, "a@X") == [True, True, True, False]
    assert await hits(limits, 1, "b@x") == [True]


async def test_the_window_ends(redis: Redis) -> None:
    limits, short = RateLimits(redis), Limit("short", 1, timedelta(milliseconds=100))
    await limits.hit(short, "a")
    with pytest.raises(TooMany):
        await limits.hit(short, "a")
    async with asyncio.timeout(5):
        while await redis.keys("hg:limit:short:*"):
            await asyncio.sleep(0.02)
    await limits.hit(short, "a")


async def test_redis_keeps_no_address(redis: Redis) -> None:
    await RateLimits(redis).hit(LIMIT, "ada@example.com")
    assert [key for key in await redis.keys() if b"ada" in key] == []


async def test_the_quota_is_told_in_headers(redis: Redis) -> None:
    quota = await RateLimits(redis).hit(LIMIT, "a")
    assert quota.headers()["RateLimit-Policy"] == '"test";q=3;w=60'
    assert quota.headers()["RateLimit"] == '"test";r=2;t=60'


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:1", "redis://10.255.255.1:6379"])
async def test_without_redis_a_process_counts_for_itself_and_nobody_waits(url: str | None) -> None:
    client = Redis.from_url(url) if url else None
    limits = RateLimits(client)
    started_at = time.perf_counter()
    assert await hits(limits, 5) == [True, True, True, False, False]
    assert time.perf_counter() - started_at < 1
    if client is not None:
        await client.aclose()


async def test_memory_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdgate.web.http.limits.KEPT", 5)
    limits = RateLimits(None)
    for number in range(20):
        await limits.hit(LIMIT, str(number))
    assert len(limits._memory) <= 5
