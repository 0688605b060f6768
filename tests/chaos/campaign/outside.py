"""The world outside, a process each: a mail server and a web server that write down whatever reaches them.

    python -m tests.chaos.campaign.outside smtp|http PORT DIRECTORY

What they do with it says the file `smtp.mood` or `http.mood` in DIRECTORY, read anew at each request.
"""

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.chaos.campaign import employer

LATE = 3.0  # seconds after which it answers who has given up
THINKS = 1.0  # between having an application and saying so: then an answer can be lost
LOOK = 0.1


class Outside:
    """The record of one server, and its mood."""

    def __init__(self, name: str, directory: Path) -> None:
        self._mood = directory / f"{name}.mood"
        self._record = (directory / f"{name}.jsonl").open("a", buffering=1)

    @property
    def mood(self) -> str:
        try:
            return self._mood.read_text()
        except FileNotFoundError:
            return ""

    def write(self, **seen: Any) -> None:
        self._record.write(json.dumps({"at": time.time(), **seen}) + "\n")

    async def while_in(self, mood: str) -> None:
        while self.mood == mood:
            await asyncio.sleep(LOOK)


class MailHandler:
    """Moods: refuse (a temporary error), greylist (each message once), hang, drop (taken, and no word about it)."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._known: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        mood = self._outside.mood
        if mood == "refuse":
            return "451 4.3.2 Not now"
        if mood == "greylist" and address not in self._known:
            self._known.add(address)
            return "450 4.2.0 Greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mood = self._outside.mood
        if mood == "hang":
            await self._outside.while_in("hang")
            return "451 4.3.0 Come back"
        content = envelope.content
        assert isinstance(content, bytes)
        self._outside.write(to=envelope.rcpt_tos, mail=content.decode("utf-8", "replace"))
        if mood == "drop":
            server.transport.abort()  # type: ignore[union-attr]
        return "250 2.0.0 Ok: queued"


class WebHandler:
    """Moods: error (500), hang (no answer), late (done, and answered when nobody waits any more)."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            method, path = head.split()[:2]
            mood, answer = self._outside.mood, employer.answer(method, path)
            if mood == "error":
                answer = answer._replace(body=b"no", status="500 Internal Server Error")
            elif mood == "hang":
                await self._outside.while_in("hang")
                answer = answer._replace(body=b"no", status="503 Service Unavailable")
            else:
                headers = {name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): (.*?)\r$", head)}
                said = body.decode("utf-8", "replace")
                self._outside.write(method=method, path=path, headers=headers, body=said)
            if mood == "late":
                await asyncio.sleep(LATE)
            elif body and path.startswith("/apply/"):
                await asyncio.sleep(THINKS)
            writer.write(_written(answer))
            await writer.drain()
        writer.close()


def _written(answer: employer.SiteAnswer) -> bytes:
    headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status}\r\n{lines}\r\n".encode() + answer.body


async def main(name: str, port: int, directory: Path) -> None:
    outside = Outside(name, directory)
    loop = asyncio.get_running_loop()
    if name == "smtp":
        handler = MailHandler(outside)
        server: asyncio.Server = await loop.create_server(lambda: SMTP(handler, hostname="mx.test"), "127.0.0.1", port)
    else:
        server = await asyncio.start_server(WebHandler(outside).talk, list(employer.ADDRESSES), port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
