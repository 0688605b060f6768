"""What a mail server's behaviour means for the mail."""

import socket
from datetime import timedelta
from urllib.parse import quote

import pytest

from holdgate.core.config import Settings
from holdgate.core.ids import uuid7
from holdgate.mail.errors import MailError, PermanentMailError, TemporaryMailError
from holdgate.mail.message import render
from holdgate.mail.smtp import _tidy, deliver
from tests.mail.smtp_server import CERTIFICATE, PASSWORD, USER, MailServer, greeting_with, serving

LONG = timedelta(seconds=10)
TOKEN = "Zq3vYb8kTn5wXc1rLm7dPf2hJs9gAe4uBi6oCyDtEvF"
CONTEXT = {
    "title": "A letter",
    "reason": "A reason",
    "deadline": "",
    "asker": "Ann",
    "run_name": "",
    "kind": "x",
    "url": f"http://127.0.0.1:8000/review/{TOKEN}",
}
MESSAGE = render("input_needed", CONTEXT, to="ada@example.org", task_id=uuid7(), settings=Settings())


async def refusal(smtp_url: str, timeout: timedelta = LONG) -> MailError:
    with pytest.raises(MailError) as caught:
        await deliver(MESSAGE, smtp_url, timeout)
    return caught.value


async def test_an_accepted_mail_arrives_whole_and_returns_the_servers_word() -> None:
    async with serving() as server:
        assert await deliver(MESSAGE, server.url, LONG) == "2.0.0 Ok: queued as 4F2A"
    assert server.accepted == [MESSAGE.as_bytes()]
    assert (server.senders, server.recipients) == (["holdgate@localhost"], ["ada@example.org"])


async def test_the_client_greets_with_the_domain_of_the_sender() -> None:
    async with serving() as server:
        await deliver(MESSAGE, server.url, LONG)
    assert server.greetings == ["localhost"]


@pytest.mark.parametrize("farewell", [MailServer.DROP, "421 Leaving first", "500 What?"])
async def test_an_accepted_mail_stays_accepted_when_the_farewell_fails(farewell: str) -> None:
    async with serving() as server:
        server.answers["QUIT"] = farewell
        await deliver(MESSAGE, server.url, LONG)
    assert len(server.accepted) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["451 4.7.1 Greylisted, come back later", "421 4.3.2 Shutting down"])
async def test_a_4xx_answer_is_temporary_at_every_command(command: str, answer: str) -> None:
    async with serving() as server:
        server.answers[command] = answer
        error = await refusal(server.url)
    assert isinstance(error, TemporaryMailError)
    assert error.code == int(answer[:3])
    assert answer in str(error)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_a_5xx_answer_about_the_recipient_or_the_content_is_permanent(command: str) -> None:
    async with serving() as server:
        server.answers[command] = "550 5.1.1 No such user here"
        error = await refusal(server.url)
    assert isinstance(error, PermanentMailError)
    assert error.code == 550
    assert "550 5.1.1 No such user here" in str(error)


async def test_a_5xx_answer_about_the_sender_is_temporary_because_an_administrator_can_repair_it() -> None:
    async with serving() as server:
        server.answers["MAIL"] = "553 5.7.1 Sender not allowed"
        error = await refusal(server.url)
    assert isinstance(error, TemporaryMailError)
    assert "refused the sender: 553" in str(error)


async def test_a_server_that_turns_everybody_away_is_temporary() -> None:
    async with greeting_with(b"554 5.3.2 No mail today\r\n") as url:
        assert isinstance(await refusal(url), TemporaryMailError)


async def test_a_server_that_hangs_up_before_the_greeting_is_temporary() -> None:
    async with greeting_with(b"") as url:
        assert isinstance(await refusal(url), TemporaryMailError)


async def test_a_server_that_speaks_something_else_is_temporary() -> None:
    async with greeting_with(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert isinstance(await refusal(url), TemporaryMailError)


async def test_a_refused_connection_is_temporary() -> None:
    with socket.socket() as reserved:  # bound and not listening: nobody else can take the port meanwhile
        reserved.bind(("127.0.0.1", 0))
        error = await refusal(f"smtp://127.0.0.1:{reserved.getsockname()[1]}")
    assert isinstance(error, TemporaryMailError)
    assert "can’t be reached" in str(error)


async def test_an_unknown_host_is_temporary() -> None:
    error = await refusal("smtp://mx.invalid:25")
    assert isinstance(error, TemporaryMailError)
    assert "mx.invalid:25 can’t be reached" in str(error)


async def test_a_slow_server_is_given_up_after_the_timeout_and_is_temporary() -> None:
    async with serving() as server:
        server.answers["DATA"] = MailServer.HANG
        error = await refusal(server.url, timedelta(seconds=0.3))
    assert isinstance(error, TemporaryMailError)
    assert "did not answer within 0.3 s" in str(error)


async def test_a_connection_dropped_after_the_content_is_temporary() -> None:
    async with serving() as server:
        server.answers["DATA"] = MailServer.DROP
        error = await refusal(server.url)
    assert isinstance(error, TemporaryMailError)
    assert "broke off the connection" in str(error)


async def test_a_refusal_does_not_repeat_the_link_that_the_server_quotes() -> None:
    async with serving() as server:
        server.answers["DATA"] = f"554 5.7.1 Listed: http://127.0.0.1:8000/review/{TOKEN} and {TOKEN}"
        error = await refusal(server.url)
    assert isinstance(error, PermanentMailError)
    assert TOKEN not in str(error)
    assert "554 5.7.1 Listed: [hidden] and [hidden]" in str(error)


async def test_credentials_are_percent_decoded_and_used() -> None:
    async with serving(sign_in=True) as server:
        await deliver(MESSAGE, f"smtp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}", LONG)
    assert server.signed_in == [USER]
    assert len(server.accepted) == 1


async def test_a_wrong_password_is_temporary_and_not_told() -> None:
    async with serving(sign_in=True) as server:
        error = await refusal(f"smtp://{USER}:swordfish@127.0.0.1:{server.port}")
    assert isinstance(error, TemporaryMailError)
    assert "user name or password" in str(error)
    assert "swordfish" not in repr(error)
    assert error.__cause__ is None


async def test_smtp_uses_starttls_when_it_is_offered_even_with_a_certificate_nobody_knows() -> None:
    async with serving(starttls=True) as server:
        await deliver(MESSAGE, server.url, LONG)
    assert server.encrypted == [True]


async def test_a_password_is_not_given_to_a_server_whose_certificate_nobody_knows() -> None:
    async with serving(starttls=True, sign_in=True) as server:
        error = await refusal(f"smtp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
    assert isinstance(error, TemporaryMailError)
    assert "could not be trusted" in str(error)
    assert server.signed_in == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_tls_goes_through_with_a_certificate_of_an_authority_that_is_named(scheme: str) -> None:
    async with serving(tls=scheme == "smtps", starttls=scheme != "smtps") as server:
        await deliver(MESSAGE, f"{scheme}://localhost:{server.port}", LONG, ca_file=str(CERTIFICATE))
    assert server.encrypted == [True]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_tls_refuses_a_certificate_that_nobody_knows(scheme: str) -> None:
    async with serving(tls=scheme == "smtps", starttls=scheme != "smtps") as server:
        error = await refusal(f"{scheme}://localhost:{server.port}")
    assert isinstance(error, TemporaryMailError)
    assert "could not be trusted" in str(error)
    assert server.accepted == []


async def test_starttls_insists_on_being_offered_it() -> None:
    async with serving() as server:
        error = await refusal(f"smtp+starttls://127.0.0.1:{server.port}")
    assert isinstance(error, TemporaryMailError)
    assert server.accepted == []


def test_what_a_server_says_can_be_stored_whatever_it_is() -> None:
    """A mail that was accepted must not be sent again for the words in which it was."""
    assert _tidy("OK\0 queued\n as \udce9") == "OK\\x00 queued as \\udce9"
