"""A small S3-compatible store on loopback: objects of one bucket in memory, path-style addresses."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class S3Server:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.signed: list[bool] = []
        self.url, self.port = "", 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                method, path = head.split(" ")[:2]
                self.signed.append("AWS4-HMAC-SHA256" in head)
                writer.write(self.answer(method, path.split("?")[0], body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        status, content = "200 OK", b""
        if method == "PUT":
            self.objects[path] = body
        elif method == "POST":  # many at once: ?delete
            keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for key in keys:
                self.objects.pop(f"{path.rstrip('/')}/{key}", None)
            gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            content = f"<DeleteResult>{gone}</DeleteResult>".encode()
        elif path in self.objects:
            content = self.objects[path]
        else:
            status, content = "404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>"
        when = "Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT"
        return f'HTTP/1.1 {status}\r\nETag: "1"\r\n{when}\r\nContent-Length: {len(content)}\r\n\r\n'.encode() + content


@asynccontextmanager
async def s3_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[S3Server]:
    server = S3Server()
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{server.port}"
    yield server
    listener.close()
