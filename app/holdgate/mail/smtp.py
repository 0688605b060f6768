"""Handing a message to a mail server: the only place that speaks SMTP, and the one that tells what an answer means.

Permanent is only what is about this mail: a 5xx for its recipient or its content. Everything else is worth
another try, also a 5xx for the greeting, the sign-in or the sender: that is about the server or its settings, which
an administrator can put right while the mail waits.

A server that accepts and then dies before saying so cannot be told from one that never accepted; the mail
is sent again with the same Message-ID.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from holdgate.core.text.storable import storable_text
from holdgate.mail.addresses import sender
from holdgate.mail.errors import MailError, PermanentMailError, TemporaryMailError, UnansweredMail

FAREWELL_SECONDS = 2.0

# A filter that refuses a mail may quote the link in it, and stored problems are read by many.
_LINKS = re.compile(r"https?://\S+|[A-Za-z0-9_-]{32,}")


async def deliver(message: EmailMessage, smtp_url: str, timeout: timedelta, *, ca_file: str = "") -> str:
    """Send `message` to its To address; returns the server's word of acceptance, often its queue id.

    Args:
        smtp_url: `scheme://user:password@host:port`, user and password percent-encoded and optional. `smtps` is TLS
            from the start; `smtp+starttls` insists on STARTTLS; `smtp` uses it when it is offered, and then checks the
            certificate only if there is a password to protect, because without TLS the mail would go as well.
        timeout: for everything up to the acceptance.
        ca_file: certificates (PEM) that are trusted beside the public ones.

    Raises:
        TemporaryMailError, PermanentMailError
    """
    url = urlsplit(smtp_url)
    place = f"{url.hostname}:{_port(url)}"
    client = _client(url, message["From"].addresses[0].domain, timeout, ca_file)
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await client.connect()
            _refused, accepted = await client.send_message(message)
        # The mail is accepted: however the farewell goes, it must not be sent again.
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=FAREWELL_SECONDS)
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise _explained(error, place, timeout) from None
    finally:
        client.close()
    return _tidy(accepted)


async def greet(mail_from: str, smtp_url: str, timeout: timedelta, *, ca_file: str = "") -> None:
    """Connect, sign in and name the sender, then leave: everything but a mail. Raises as `deliver` does."""
    url, author = urlsplit(smtp_url), sender(mail_from)
    place = f"{url.hostname}:{_port(url)}"
    client = _client(url, author.domain, timeout, ca_file)
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await client.connect()
            await client.mail(author.addr_spec)
            await client.rset()
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=FAREWELL_SECONDS)
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise _explained(error, place, timeout) from None
    finally:
        client.close()


def _client(url: SplitResult, domain: str, timeout: timedelta, ca_file: str) -> aiosmtplib.SMTP:
    username = unquote(url.username) if url.username else None
    return aiosmtplib.SMTP(
        hostname=url.hostname,
        port=_port(url),
        username=username,
        password=unquote(url.password) if url.password else None,
        use_tls=url.scheme == "smtps",
        start_tls={"smtp+starttls": True, "smtps": False}.get(url.scheme),
        validate_certs=url.scheme != "smtp" or username is not None,
        cert_bundle=ca_file or None,
        # Our name to the server. The library's default asks the resolver, which may block for long.
        local_hostname=domain,
        timeout=timeout.total_seconds(),
    )


def _port(url: SplitResult) -> int:
    return url.port or {"smtps": 465, "smtp+starttls": 587}.get(url.scheme, 25)


def _explained(error: Exception, place: str, timeout: timedelta) -> MailError:
    """The same in words for people; without the URL's password and without links that the server repeats."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            # The server's own words may repeat what was sent.
            return TemporaryMailError(f"{place} refused our user name or password ({error.code}).", error.code)
        case aiosmtplib.SMTPRecipientRefused():
            return _by_code(f"{place} refused the recipient", error.code, error.message)
        case aiosmtplib.SMTPDataError():
            return _by_code(f"{place} refused the message", error.code, error.message)
        case aiosmtplib.SMTPSenderRefused():
            return _temporary(f"{place} refused the sender", error)
        case aiosmtplib.SMTPResponseException():
            return _temporary(f"{place} would not talk to us", error)
        case aiosmtplib.SMTPConnectTimeoutError():
            return TemporaryMailError(f"{place} did not answer within {timeout.total_seconds():g} s.")
        case TimeoutError():
            return UnansweredMail(f"{place} did not answer within {timeout.total_seconds():g} s.")
        case ssl.SSLError() | aiosmtplib.SMTPException(__cause__=ssl.SSLError()):
            return TemporaryMailError(f"{place} could not be trusted: its certificate or TLS settings don’t match.")
        case aiosmtplib.SMTPConnectError():
            return TemporaryMailError(f"{place} can’t be reached.")
        case aiosmtplib.SMTPServerDisconnected() | OSError():
            return UnansweredMail(f"{place} broke off the connection.")
        case aiosmtplib.SMTPException():
            return TemporaryMailError(f"{place} cannot do what SMTP_URL asks for: {_tidy(error.message)}")
    return PermanentMailError("The message cannot be put into SMTP commands.")


def _by_code(what: str, code: int, said: str) -> MailError:
    kind = PermanentMailError if 500 <= code < 600 else TemporaryMailError
    return kind(f"{what}: {code} {_tidy(said)}", code)


def _temporary(what: str, error: Any) -> TemporaryMailError:
    return TemporaryMailError(f"{what}: {error.code} {_tidy(error.message)}", error.code)


def _tidy(said: str) -> str:
    """A server's words on one line, of bounded length, without links or anything that looks like a token."""
    return storable_text(" ".join(_LINKS.sub("[hidden]", said).split()), 200)
