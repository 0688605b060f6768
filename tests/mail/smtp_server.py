"""A real SMTP server on loopback that answers as a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).with_name("localhost.pem")
USER, PASSWORD = "robot", "p@ss/word:1"


class MailServer:
    """`answers` maps a command (MAIL, RCPT, DATA, QUIT) to what is answered; `HANG` and `DROP` break off there.

    `before_answering` is awaited when a mail's content has been taken, before the server says so.
    """

    HANG, DROP = "hang", "drop"

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.before_answering: Callable[[], Awaitable[object]] | None = None
        self.accepted: list[bytes] = []
        self.recipients: list[str] = []
        self.senders: list[str] = []
        self.greetings: list[str] = []
        self.signed_in: list[str] = []
        self.encrypted: list[bool] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greetings.append(hostname)
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get("MAIL", "250 OK")
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.get("DATA", "250 2.0.0 Ok: queued as 4F2A")
        if answer == self.HANG:
            await asyncio.Event().wait()
        if answer.startswith("250") or answer == self.DROP:
            content = envelope.content
            assert isinstance(content, bytes) and envelope.mail_from is not None
            self.accepted.append(content)
            self.recipients += envelope.rcpt_tos
            self.senders.append(envelope.mail_from)
            self.encrypted.append(session.ssl is not None or wire(server).get_extra_info("sslcontext") is not None)
        if self.before_answering is not None:
            await self.before_answering()
        if answer == self.DROP:
            # The worst moment: accepted, and not a word about it.
            wire(server).abort()
        return answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answers.get("QUIT") == self.DROP:
            wire(server).abort()
        return self.answers.get("QUIT", "221 Bye")

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        if right:
            self.signed_in.append(given.login.decode())
        return AuthResult(success=right, handled=False)


def wire(server: SMTP) -> asyncio.Transport:
    return cast(asyncio.Transport, server.transport)


def tls_context() -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(CERTIFICATE)
    return made


@asynccontextmanager
async def serving(*, tls: bool = False, starttls: bool = False, sign_in: bool = False) -> AsyncIterator[MailServer]:
    """Args:
    tls: TLS from the first byte.
    starttls: offers STARTTLS.
    sign_in: knows USER and PASSWORD.
    """
    behaviour = MailServer()

    def protocol() -> SMTP:
        return SMTP(
            behaviour,
            hostname="mx.test",
            tls_context=tls_context() if starttls else None,
            authenticator=behaviour.authenticate if sign_in else None,
            auth_require_tls=False,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls_context() if tls else None)
    behaviour.port = server.sockets[0].getsockname()[1]
    try:
        yield behaviour
    finally:
        server.close()


@asynccontextmanager
async def greeting_with(line: bytes) -> AsyncIterator[str]:
    """A server that says one line and closes; yields its URL."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
