"""A site on a real socket that answers as a test tells it, in turn; the last answer is kept."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OddSite:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes]] = []
        self.heads: list[str] = []
        self.url, self.port = "", 0
        self.keeps_keys = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        self.heads.append(head)
        if head.startswith("OPTIONS "):
            keys = "Accept-Idempotency-Key: ?1\r\n" if self.keeps_keys else ""
            writer.write(f"HTTP/1.1 204 No Content\r\n{keys}\r\n".encode())
            writer.close()
            return
        self.asked.append((head.split(" HTTP")[0], body))
        self.heard()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(answer.replace("\n", "\r\n").encode())
        writer.close()

    def heard(self) -> None:
        """A request has been read and not yet answered."""

    @property
    def lines(self) -> list[str]:
        return [line for line, _ in self.asked]


@asynccontextmanager
async def odd_site(*answers: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[OddSite]:
    site = OddSite(*answers)
    listener = await asyncio.start_server(site.talk, "127.0.0.1", 0, ssl=tls)
    site.port = listener.sockets[0].getsockname()[1]
    site.url = f"http://127.0.0.1:{site.port}"
    yield site
    listener.close()


def page(body: str, status: str = "200 OK", *headers: str) -> str:
    return "\n".join([f"HTTP/1.1 {status}", "Content-Type: text/html", *headers, "", body])


def data(body: str, status: str = "200 OK") -> str:
    return f"HTTP/1.1 {status}\nContent-Type: application/json\n\n{body}"


def redirect(to: str, status: str = "303 See Other") -> str:
    return page("", status, f"Location: {to}")
