"""Checks that go out: to a replica, the mail server, our own public address, the store of files, and round by Redis."""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from holdgate.core.config import Settings
from holdgate.core.files import FilesAway, FileStore
from holdgate.core.ids import uuid7
from holdgate.core.network import outgoing
from holdgate.core.tokens import Signer
from holdgate.doctor import checks_topology
from holdgate.doctor.checks_core import wakeups
from holdgate.doctor.findings import Check, Finding, Installation, fail, fine, warn
from holdgate.mail import mailbox, smtp
from holdgate.mail.errors import MailError
from holdgate.mail.message import render
from holdgate.web.health import DOCTOR, SeenRequest

SMTP_SECONDS = timedelta(seconds=10)
URL_SECONDS = timedelta(seconds=8)


async def public_url(patient: Installation) -> Finding:
    """Asks our own address, as the world would, what arrives of a request."""
    settings = patient.settings
    mark = secrets.token_hex(8)
    signed = Signer(settings.secret_keys, DOCTOR).sign(mark)
    # The address is the administrator's own and may be private.
    reaching = msgspec.structs.replace(settings, allow_private_addresses=True)
    url = f"{settings.base_url}/livez"
    try:
        async with outgoing.client(reaching, timeout=URL_SECONDS) as http:
            answer = await http.get(url, headers={DOCTOR: signed, "X-Request-Id": mark})
    except outgoing.OutgoingError as problem:
        if "CERTIFICATE_VERIFY_FAILED" in str(problem):
            return fail(f"{url}: {problem}", "Name the authority that has signed the certificate in CA_FILE.")
        return fail(f"{url}: {problem}", "Set BASE_URL to the address people use, and let this machine reach it.")
    try:
        seen = msgspec.json.decode(answer.content, type=SeenRequest)
    except msgspec.MsgspecError:
        if answer.status_code in (502, 503, 504):
            return fail(
                f"{url} answered {answer.status_code}: the proxy does not reach the web server.",
                "Start the web server, and let the proxy hand requests to its HOST and PORT.",
            )
        return fail(
            f"{url} answered {answer.status_code}, and not as this Holdgate would.",
            "Set BASE_URL to this installation; the same SECRET_KEY is needed here and there.",
        )
    return _judged(seen, settings)


def _judged(seen: SeenRequest, settings: Settings) -> Finding:
    wanted = urlsplit(settings.base_url).netloc.lower()
    if seen.host.lower() != wanted:
        return fail(
            f"The proxy hands the Host {seen.host!r} on, not {wanted!r}: forms would be refused.",
            "Let the proxy pass Host unchanged (nginx: proxy_set_header Host $host).",
        )
    if seen.forwarded_for and seen.client not in seen.forwarded_for:
        return warn(
            f"The proxy names the visitor, but is not believed: everybody seems to come from {seen.client}.",
            "Set FORWARDED_ALLOW_IPS to the proxy's address; else all share one rate limit.",
        )
    return fine(f"It answers, with the right host; this machine is seen as {seen.client}.")


async def mail(patient: Installation) -> Finding:
    """Up to the sender's name; a mail is sent only when an address is given for it."""
    settings = patient.settings
    if not settings.smtp_url:
        if mailbox.in_use(settings):
            return fine("Mail goes to the mailbox page of development.")
        return fail("SMTP_URL is not set: no mail leaves.", "Set SMTP_URL.")
    place = urlsplit(settings.smtp_url)
    try:
        if patient.send_to:
            message = render("test_mail", {}, to=patient.send_to, task_id=uuid7(), settings=settings)
            word = await smtp.deliver(message, settings.smtp_url, SMTP_SECONDS, ca_file=settings.ca_file)
            return fine(f"{place.hostname} accepted a mail to {patient.send_to}: {word}")
        await smtp.greet(settings.mail_from, settings.smtp_url, SMTP_SECONDS, ca_file=settings.ca_file)
    except MailError as problem:
        return fail(str(problem), "Look at SMTP_URL and MAIL_FROM, and at the mail server's log.")
    return fine(f"{place.hostname} lets us in and takes the sender.")


async def files(patient: Installation) -> Finding:
    store, key, data = FileStore(patient.settings), f"doctor/{uuid7()}", secrets.token_bytes(32)
    try:
        await store.put(key, data)
        found = await store.read(key)
        await store.remove(key)
    except FilesAway as problem:
        return fail(str(problem), "Look at ARTIFACTS_URL, its rights and its space; for S3 at the AWS_ variables.")
    if found != data:
        return fail("What was written can’t be read back.", "Look at the store: it has to show a file at once.")
    return fine("A file was written, read and removed.")


CHECKS: dict[str, Check] = {
    **checks_topology.CHECKS,
    "Wake-ups": wakeups,
    "Public address": public_url,
    "Mail": mail,
    "Files": files,
}
