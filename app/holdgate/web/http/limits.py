"""Rate limits: so many within a window for each subject, counted in Redis for all processes together.

Without Redis every process counts for itself: a limit then is per process, but nobody is refused because Redis is
away, and no request waits for it longer than once in a few seconds.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Send
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.errors import TooMany
from holdgate.core.network.networks import network_of
from holdgate.core.telemetry.outage import REDIS

# One round trip for all, and no moment at which a counter exists without its end.
COUNT = """
local found = {}
for i, key in ipairs(KEYS) do
  local n = redis.call('INCR', key)
  if n == 1 then redis.call('PEXPIRE', key, ARGV[i]) end
  found[i] = {n, redis.call('PTTL', key)}
end
return found
"""
# So long a request may wait for Redis, in so many turns of the loop at least: a process that is itself late, with a
# hundred requests at once, must not take Redis for away and count alone.
TURNS, TURN = 8, 0.06
REST = 5.0  # seconds for which a Redis that failed is left alone
KEPT = 10_000  # windows kept in memory at most
SHARED = 10  # so many people may share an address


class Limit(msgspec.Struct, frozen=True):
    """`most` within `window` for each subject."""

    name: str
    most: int
    window: timedelta


class Quota(msgspec.Struct, frozen=True):
    """How a limit stands after a hit. `reset` is in whole seconds."""

    limit: Limit
    remaining: int
    reset: int

    def headers(self) -> Mapping[str, str]:
        """RateLimit fields as in draft-ietf-httpapi-ratelimit-headers."""
        seconds = int(self.limit.window.total_seconds())
        return {
            "RateLimit-Policy": f'"{self.limit.name}";q={self.limit.most};w={seconds}',
            "RateLimit": f'"{self.limit.name}";r={self.remaining};t={self.reset}',
        }


def shared_limits(name: str, settings: Settings, times: int = 1) -> tuple[Limit, Limit]:
    """The limit of a person, and that of an address."""
    most, window = settings.rate_limit_max * times, settings.rate_limit_window
    return Limit(name, most, window), Limit(f"{name}-address", most * SHARED, window)


def telling(send: Send, quota: Quota) -> Send:
    """Answers tell how the person's limit stands."""

    async def send_with_quota(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            for name, value in quota.headers().items():
                headers[name] = value
        await send(message)

    return send_with_quota


class RateLimits:
    """The counters. `redis` may be None, and may be away."""

    def __init__(self, redis: "Redis | None") -> None:
        self._redis: Any = redis
        self._retry_at = 0.0
        self._memory: dict[str, tuple[int, float]] = {}

    async def hit(self, limit: Limit, subject: str) -> Quota:
        """Count one; `subject` is whom the limit is for (an address, an email address, a user's id). An address of
        IPv6 counts for its network.

        Raises:
            TooMany: that was one too many. Never anything else.
        """
        [quota] = await self.hit_all((limit, subject))
        return quota

    async def hit_all(self, *pairs: tuple[Limit, str]) -> list[Quota]:
        """Count one for each, in one round trip.

        Raises:
            TooMany: of any of them that was one too many. Never anything else.
        """
        # Subjects are personal: neither Redis nor its logs get to see them.
        keys = [
            f"hg:limit:{limit.name}:{sha256(network_of(subject).lower().encode()).hexdigest()[:32]}"
            for limit, subject in pairs
        ]
        windows = [limit.window.total_seconds() for limit, _ in pairs]
        counts = await self._count_in_redis(keys, windows)
        if counts is None:
            counts = [self._count_in_memory(key, window) for key, window in zip(keys, windows, strict=True)]
        quotas = []
        for (limit, _), (count, left) in zip(pairs, counts, strict=True):
            reset = max(1, -int(-left // 1))
            quotas.append(Quota(limit, max(0, limit.most - count), reset))
            if count > limit.most:
                refusal = TooMany(f"Wait {_words(reset)} and try again.", retry_after=reset)
                refusal.headers = {**refusal.headers, **quotas[-1].headers()}
                raise refusal
        return quotas

    async def _count_in_redis(self, keys: list[str], windows: list[float]) -> list[tuple[int, float]] | None:
        if self._redis is None or time.monotonic() < self._retry_at:
            return None
        asked = asyncio.ensure_future(
            self._redis.eval(COUNT, len(keys), *keys, *(int(window * 1000) for window in windows))
        )
        try:
            for _ in range(TURNS):
                if (await asyncio.wait({asked}, timeout=TURN))[0]:
                    break
            else:
                raise TimeoutError
            found = await asked
            REDIS.answered()
            return [(int(count), int(left) / 1000) for count, left in found]
        except Exception as problem:  # whatever a client raises while its server is away
            self._retry_at = time.monotonic() + REST
            REDIS.failed("the rate limits", problem)
            return None
        finally:
            asked.cancel()

    def _count_in_memory(self, key: str, seconds: float) -> tuple[int, float]:
        now = time.monotonic()
        if len(self._memory) >= KEPT:
            self._memory = {name: window for name, window in self._memory.items() if window[1] > now}
        if len(self._memory) >= KEPT:
            self._memory.clear()
        count, end = self._memory.get(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + seconds
        self._memory[key] = (count + 1, end)
        return count + 1, end - now


def _words(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    return f"{-(-seconds // 60)} minutes"
