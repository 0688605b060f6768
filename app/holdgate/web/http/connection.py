"""A browser's or program's connection, bounded in what it costs before the application sees a request.

uvicorn keeps a header, however long, in memory until it ends, and waits for that as long as the client likes.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from holdgate.web.http.request import PROBES

MAX_HEAD = 32 * 1024  # bytes: the request's line and its headers
HEAD_SECONDS = 20.0
# Of one process. Idle ones count; beyond it everything but a probe is answered 503.
MAX_CONNECTIONS = 800
# So long a refused client is listened to: one that is cut off while it sends shows no answer.
LINGER_SECONDS = 2.0


class _Stop(Exception):
    """Ends the parser, which goes on otherwise."""


class HttpConnection(HttpToolsProtocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._most = config.limit_concurrency or MAX_CONNECTIONS
        self.limit_concurrency = None  # its 503 is one for probes, too, and names no time
        self._in_head = True
        self._loose = 0  # bytes since the last that belonged to a body: what the parser may hold of a header
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._loose += len(data)
        if self._in_head and self._timer is None:
            self._await_head()
        super().data_received(data)
        if self._loose > MAX_HEAD and not self._refused:
            self._refuse(431, f"The headers are longer than {MAX_HEAD // 1024} kB.")

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD:
            self._refuse(431, f"The headers are longer than {MAX_HEAD // 1024} kB.")
            raise _Stop
        if len(self.connections) > self._most and not self.url.startswith(PROBES):
            self._refuse(503, "The server is busy. Try again in a few seconds.")
            raise _Stop
        self._in_head, self._loose = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._loose = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self.transport.close()  # the rest of a body that nobody reads could take for ever

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        self._timer = None
        if self._loose == 0 and self._idle:
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            self._refuse(408, "The request's headers took too long.")

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, and close in a moment. While an earlier answer is under way there is no place for another."""
        self._refused = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if not self._idle:
            self.transport.abort()
            return
        body = f"{sentence}\n".encode()
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Retry-After: 5"] if status == HTTPStatus.SERVICE_UNAVAILABLE else []),
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
