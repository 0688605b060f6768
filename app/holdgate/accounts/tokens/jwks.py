"""The public keys of the identity provider: fetched, kept, and renewed without a valid request waiting for it.

A known key is served at once, however old, and renewed in the background: an outage of the provider stops nobody. An
unknown key id makes for one fetch that all who ask share, at most once in `REST`; who comes within that time waits for
the next one, so that neither forged ids flood the provider nor a rotation loses a request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import msgspec

from holdgate.core.config import Settings
from holdgate.core.errors import Unavailable
from holdgate.core.network import outgoing
from holdgate.core.telemetry import log

FRESH = 300.0  # seconds after which keys are renewed
REST = 5.0  # seconds between two fetches
WAITING = 200  # requests that may wait for a fetch at once

ALGORITHMS = ("RS256", "ES256", "EdDSA")

Fetch = Callable[[], Awaitable[bytes]]
logger = log.get(__name__)


class Jwks:
    """The keys by their id.

    Args:
        fetch: brings the JWKS document; raises when it cannot.
    """

    def __init__(self, fetch: Fetch, *, fresh: float = FRESH, rest: float = REST) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._rest = rest
        self._keys: dict[str, jwt.PyJWK] = {}
        self._renewed_at = -1e9
        self._tried_at = -1e9
        self._failed = False
        self._renewal: asyncio.Task[None] | None = None
        self._asking = False
        self._waiting = 0

    async def key(self, kid: str | None) -> jwt.PyJWK | None:
        """The key with this id; of a single key the id may be left out. None: the provider does not know it.

        Raises:
            Unavailable: the provider could not be asked, so nobody knows.
        """
        found = self._find(kid)
        if found is not None:
            if time.monotonic() - max(self._renewed_at, self._tried_at) > self._fresh:
                self._renew()
            return found
        if self._waiting >= WAITING:
            raise Unavailable("Too many requests wait for the identity provider's keys.", int(self._rest) + 1)
        self._waiting += 1
        try:
            # One that is under way may have left before the key was published.
            late = self._asking
            await asyncio.shield(self._renew())
            if late and self._find(kid) is None:
                await asyncio.shield(self._renew())
        finally:
            self._waiting -= 1
        found = self._find(kid)
        if found is None and self._failed:
            raise Unavailable("The identity provider's keys can’t be fetched.")
        return found

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _renew(self) -> asyncio.Task[None]:
        """The fetch that is coming or under way, shared by all who ask."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._fetched())
        return self._renewal

    async def _fetched(self) -> None:
        await asyncio.sleep(max(0.0, self._tried_at + self._rest - time.monotonic()))
        self._tried_at = time.monotonic()
        self._asking = True
        try:
            keys = usable(await self._fetch())
        except Exception as problem:  # whatever it is, the keys at hand go on being served
            self._failed = True
            logger.warning("the keys of the identity provider can’t be fetched", problem=repr(problem)[:300])
            return
        finally:
            self._asking = False
        self._keys, self._failed, self._renewed_at = keys, False, time.monotonic()


def usable(document: bytes) -> dict[str, jwt.PyJWK]:
    """The signing keys of a JWKS document that our algorithms can use. Raises ValueError for none at all."""
    found: dict[str, jwt.PyJWK] = {}
    for number, item in enumerate(msgspec.json.decode(document, type=dict[str, Any]).get("keys", [])):
        try:
            key = jwt.PyJWK(item)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
            found[key.key_id or f"#{number}"] = key
    if not found:
        raise ValueError("no usable key in the JWKS document")
    return found


def of(settings: Settings) -> Jwks:
    """The keys at `JWKS_URL`."""

    async def fetch() -> bytes:
        async with outgoing.client(settings, max_bytes=256 * 1024) as client:
            response = await client.get(settings.jwks_url)
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")
        return response.content

    return Jwks(fetch)
