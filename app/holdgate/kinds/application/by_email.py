"""An application that goes as an email: once, with the résumé attached, to be answered to the applicant.

It is the effect of this task, so it is not a task of its own as the mail of features is (`email.send`): its Message-ID
is the receipt. When a mail server breaks off after it has the message, nobody knows whether it will deliver it; then a
person is asked, and it is not sent again by itself.
"""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from uuid import UUID

from holdgate.core.config import Settings
from holdgate.kinds.application import answers, readiness
from holdgate.kinds.application.packet import NotTaken, Packet, Refusal, SiteReceipt, Unclear
from holdgate.mail.addresses import sender
from holdgate.mail.delivering import deliver
from holdgate.mail.errors import PermanentMailError, TemporaryMailError, UnansweredMail
from holdgate.postings.channels import Channel, mailbox_of
from holdgate.runtime.attempts.context import Context


async def send(
    ctx: Context, packet: Packet, letter: str, key: str, posting_id: UUID, begun: int
) -> SiteReceipt | Refusal | NotTaken | Unclear:
    """One delivery. `begun` is the attempt that was the first to make it: another one does not know what became of it.

    Raises:
        RetryAfter, PermanentError: as `readiness.resume_to_send`.
    """
    resume = await readiness.resume_to_send(ctx, packet, posting_id)
    if begun != ctx.attempt:
        return await _unclear(ctx, packet, "The attempt before was cut off while it was being sent.")
    await ctx.progress(2, 3, "Sending")
    message = compose_message(packet, letter, resume, key, ctx.settings, await answers.now(ctx))
    try:
        await deliver(ctx.database, ctx.settings, message)
    except PermanentMailError as error:
        return Refusal(round=ctx.task.round, reason=str(error))
    except UnansweredMail as error:
        return await _unclear(ctx, packet, str(error))
    except TemporaryMailError as error:
        return NotTaken(attempt=ctx.attempt, reason=str(error))
    return SiteReceipt(
        receipt=str(message["Message-ID"]),
        status=0,
        url=packet.apply_url,
        sent_at=await answers.now(ctx),
        cover_letter_sha256=sha256(letter.encode()).hexdigest(),
        channel=Channel.EMAIL,
    )


def compose_message(
    packet: Packet, letter: str, resume: bytes, key: str, settings: Settings, at: datetime
) -> EmailMessage:
    """The mail that was approved. The same `key` gives the same Message-ID."""
    author = sender(settings.mail_from)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = packet.subject
    message["From"] = Address(display_name=packet.name, addr_spec=author.addr_spec)
    message["Reply-To"] = Address(display_name=packet.name, addr_spec=packet.email)
    message["To"] = Address(addr_spec=mailbox_of(packet.apply_url))
    message["Date"] = at
    message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@{author.domain}>"
    facts = [f"{label}: {text}" for label, text in packet.texts("").items()]
    message.set_content("\n".join([letter.strip(), "", "-- ", *facts, f"Posting: {packet.url}", ""]))
    main, _, sub = packet.resume.media_type.partition("/")
    message.add_attachment(resume, maintype=main, subtype=sub, filename=packet.resume.name)
    return message


async def _unclear(ctx: Context, packet: Packet, said: str) -> Unclear:
    host = mailbox_of(packet.apply_url).rpartition("@")[2]
    return Unclear(round=ctx.task.round, status=0, host=host, at=await answers.now(ctx), said=said)
