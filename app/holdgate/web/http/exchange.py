"""One request and its answer as the shield sees them: what is received, what is sent, how much of each."""

import asyncio
import re
import time
from typing import Any, cast

from litestar.types import HTTPScope, Receive, Send

from holdgate.core.errors import TooLarge, TooSlow
from holdgate.core.ids import uuid7
from holdgate.web.http.request import client_address

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
DRAIN_BYTES = 128 * 1024 * 1024
DRAIN_SECONDS = 30
# How long a body may take: so many seconds, and one more for so many bytes that have come.
BODY_SECONDS = 20.0
SLOWEST = 50_000


class Exchange:
    """Stands between server and application: its `receive` limits the body, its `send` completes the headers."""

    def __init__(
        self, scope: Any, receive: Receive, send: Send, *, headers: list[tuple[bytes, bytes]], max_body: int
    ) -> None:
        self._given: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        offered = self.header("x-request-id")
        self.request_id = offered if REQUEST_ID.fullmatch(offered) else str(uuid7())
        self.method: str = scope["method"]
        self.started_at = time.perf_counter()
        self.address = client_address(scope)
        self.status = 0
        self.sent = 0
        self.scope = cast(
            HTTPScope,
            {
                **scope,
                # Whoever answers GET answers HEAD; the body stays behind in `send`.
                "method": "GET" if self.method == "HEAD" else self.method,
                "state": {**scope.get("state", {}), "request_id": self.request_id, "method": self.method},
            },
        )
        self._receive, self._send = receive, send
        self._defaults = headers
        self._max_body = max_body
        self._received = 0
        self._body_ended = False
        self._late = False

    def header(self, name: str) -> str:
        return str(self._given.get(name, ""))

    @property
    def announced(self) -> int:
        """The body's length as the client announces it; 0 when it does not."""
        length = self.header("content-length")
        return int(length) if length.isdecimal() else 0

    @property
    def route(self) -> str:
        """The route's pattern. The path itself may hold a token, so it stays out of logs and metrics."""
        return str(self.scope.get("path_template") or "unknown")

    async def receive(self) -> Any:
        """The application's side: raises TooLarge as soon as the body exceeds its limit, announced or not."""
        if self.method == "HEAD" and self.status:
            return {"type": "http.disconnect"}  # ends a stream that nobody reads
        message = await self._take()
        if self._received > self._max_body:
            raise self.too_large()
        return message

    def too_large(self) -> TooLarge:
        """What was sent, as far as is known: a body that is refused is not read."""
        most = f"At most {self._max_body // 1024**2} MB can be sent at once."
        size = f" This has {self.announced / 1024**2:,.0f} MB." if self.announced > self._max_body else ""
        if self.header("content-type").startswith("multipart/form-data"):
            return TooLarge(
                f"The file is too large, so nothing was saved. {most}{size} Choose a smaller file, or split it."
            )
        return TooLarge(f"{most}{size}")

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            await self._drain()
            self.status = message["status"]
            message["headers"] = self._completed(message)
            await self._send(message)
            if self.method == "HEAD":  # ended here: a stream may be given up before it has sent anything
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self.method != "HEAD":
            self.sent += len(message.get("body", b""))
            await self._send(message)

    def _completed(self, message: Any) -> list[tuple[bytes, bytes]]:
        headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        present = {name for name, _ in headers}
        headers += [pair for pair in self._defaults if pair[0] not in present]
        return [*headers, (b"x-request-id", self.request_id.encode())]

    async def _take(self) -> Any:
        message: Any = await (self._receive() if self._body_ended else self._in_time())
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._body_ended = not message.get("more_body", False)
        else:
            self._body_ended = True
        return message

    async def _in_time(self) -> Any:
        """Raises TooSlow: the body drips in, to keep a connection and a request busy."""
        ends = self.started_at + BODY_SECONDS + self._received / SLOWEST
        try:
            async with asyncio.timeout(ends - time.perf_counter()):
                return await self._receive()
        except TimeoutError:
            self._late = True
            raise TooSlow("The body of this request took too long. Check the connection, then send it again.") from None

    async def _drain(self) -> None:
        """Read what is still coming, up to a bound: a browser that is cut off while sending shows no answer at all."""
        coming = self.announced > 0 or "transfer-encoding" in self._given
        if not coming or self._late or self.header("expect"):
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._body_ended and self._received < DRAIN_BYTES:
                    await self._take()
        except (TimeoutError, TooSlow):
            pass
