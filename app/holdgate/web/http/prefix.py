"""An installation below a path (`BASE_URL=https://example.org/holdgate`): the one place where that path is known.

Within, every address begins at `/`. On the way in the path is taken off, wherever a proxy or an application that has
mounted this one has left it; on the way out it is put before the addresses of pages, redirects and cookies. Whole URLs
(emails, the API, its description) begin with BASE_URL anyway.
"""

import re
from typing import Any

from litestar.types import ASGIApp

# Attributes whose value is an address. In a page's text no double quote stands by itself, so none is found there.
ADDRESS = re.compile(
    rb'(\s(?:href|src|srcset|action|formaction|poster|data-events|hx-(?:get|post|put|patch|delete|push-url|replace-url))=")/(?!/)'
)
LEADING = frozenset({b"location", b"hx-redirect", b"hx-push-url", b"hx-replace-url"})
COOKIE_PATH = re.compile(rb"(;\s*path=)/(?=;|$)", re.IGNORECASE)
HOST_ONLY = b"__Host-"  # a browser takes it only with the path /
CURRENT = re.compile(rb"^(https?://[^/]+)(/.*)?$")


class Prefix:
    """Wraps the application.

    Args:
        path: of BASE_URL, such as `/holdgate`; not empty.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._raw = path.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page: list[bytes] | None = None
        start: Any = None

        async def sends(message: Any) -> None:
            nonlocal page, start
            if message["type"] == "http.response.start":
                start = {**message, "headers": [self._led(*header) for header in message.get("headers", ())]}
                if _is_page(start["headers"]):
                    page = []  # its length is known at its end
                else:
                    await send(start)
            elif page is None:
                await send(message)
            else:
                page.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._send_page(send, start, b"".join(page))

        await self._app(self._inner(scope), receive, sends)

    def _inner(self, scope: Any) -> Any:
        path = scope["path"]
        raw = scope.get("raw_path") or path.encode()
        if path == self._path or path.startswith(f"{self._path}/"):
            path, raw = path[len(self._path) :] or "/", raw.removeprefix(self._raw) or b"/"
        headers = [
            (name, self._current(value) if name == b"hx-current-url" else value) for name, value in scope["headers"]
        ]
        return {**scope, "path": path, "raw_path": raw, "root_path": "", "headers": headers}

    def _current(self, url: bytes) -> bytes:
        """The page on which htmx is, which its handlers read as an address of ours."""
        found = CURRENT.match(url)
        if found is None or not (found[2] or b"").startswith(self._raw):
            return url
        return found[1] + (found[2].removeprefix(self._raw) or b"/")

    def _led(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        name = name.lower()
        if name in LEADING and value.startswith(b"/") and not value.startswith(b"//"):
            return name, self._raw + value
        if name == b"set-cookie" and not value.startswith(HOST_ONLY):
            return name, COOKIE_PATH.sub(rb"\g<1>" + self._raw, value)
        return name, value

    async def _send_page(self, send: Any, start: Any, body: bytes) -> None:
        led = ADDRESS.sub(rb"\g<1>" + self._raw + b"/", body)
        length = (b"content-length", str(len(led)).encode())
        headers = [length if name == b"content-length" and body else (name, value) for name, value in start["headers"]]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": led, "more_body": False})


def _is_page(headers: list[tuple[bytes, bytes]]) -> bool:
    """A page of ours: not a file, which is handed out as it is."""
    of = dict(headers)
    return of.get(b"content-type", b"").startswith(b"text/html") and b"content-disposition" not in of
