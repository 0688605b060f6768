"""Pages of other sites that call the API: those of CORS_ORIGINS, with a token and never with our cookies.

Whoever has not been named is answered as before, without these headers, and their browser keeps the answer from them.
"""

from typing import Any

from litestar.types import ASGIApp

from holdgate.web.http.request import is_api

SENT = "authorization, content-type, idempotency-key, traceparent, x-request-id"
READ = "link, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id"
KEPT = "600"  # seconds in which a browser does not ask again


class Cors:
    """Wraps the application, within the shield.

    Args:
        origins: such as `https://app.example.com`.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not is_api(scope):
            await self._app(scope, receive, send)
            return
        given = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = given.get(b"origin", "")
        headers = [(b"vary", b"Origin")]
        if origin.lower() in self._origins:
            headers += _pairs({"origin": origin}) + [(b"access-control-expose-headers", READ.encode())]
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
                asked = _pairs({"methods": "GET, HEAD, POST", "headers": SENT})
                headers += [*asked, (b"access-control-max-age", KEPT.encode())]
                await send({"type": "http.response.start", "status": 204, "headers": headers})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return

        async def sends(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self._app(scope, receive, sends)


def _pairs(allowed: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(f"access-control-allow-{name}".encode(), value.encode()) for name, value in allowed.items()]
