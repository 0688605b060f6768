"""What an application's task notes at `/applications`: what it prepared, and what was sent."""

from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from holdgate.accounts.profile.resume_files import Document
from holdgate.applications import recording
from holdgate.applications.copies import ApplicationCopy, CopyReply
from holdgate.applications.recording import AppliedFor
from holdgate.applications.states import ApplicationChannel
from holdgate.core.db import WriteSession
from holdgate.kinds.application.packet import Packet, SiteReceipt
from holdgate.postings import service as postings
from holdgate.postings.channels import Channel, mailbox_of
from holdgate.postings.service import PostingView
from holdgate.runtime.attempts.context import Context


async def note_prepared(ctx: Context, posting: PostingView, copy: ApplicationCopy, document: Document | None) -> None:
    """Once more for the same changes nothing, so it needs no step of its own."""
    target = AppliedFor(
        posting_id=posting.id,
        title=posting.title,
        company=posting.company,
        location=posting.location,
        url=posting.url,
    )
    async with ctx.database.write("system") as session:
        await recording.prepare(
            session,
            ctx.task_id,
            posting.owner_id,
            target,
            ApplicationChannel(posting.way.channel.value),
            copy,
            document.content if document else None,
        )


def copy_of(packet: Packet) -> ApplicationCopy:
    return ApplicationCopy(
        apply_url=packet.apply_url,
        name=packet.name,
        email=packet.email,
        phone=packet.phone,
        subject=packet.subject if packet.channel is Channel.EMAIL else "",
        cover_letter=packet.cover_letter,
        replies=[CopyReply(reply.label, reply.value) for reply in packet.replies],
        resume_name=packet.resume.name,
        resume_type=packet.resume.media_type,
        resume_bytes=packet.resume.size,
        resume_sha256=packet.resume.sha256,
    )


async def note_sent(session: WriteSession, task_id: UUID, posting_id: UUID, letter: str, sent: SiteReceipt) -> None:
    await recording.record_sent(
        session,
        task_id,
        channel=ApplicationChannel(sent.channel.value),
        receipt=sent.receipt,
        sent_at=sent.sent_at,
        letter=letter,
    )
    await postings.mark_applied(session, posting_id, task_id)


async def sent_beside(ctx: Context, posting_id: UUID) -> SiteReceipt | None:
    """The receipt, if a person has said meanwhile that they have sent it themselves. What was put aside is under way
    again, since its task is."""
    if ctx.attempt == 1:
        return None
    async with ctx.database.write("system") as session:
        await recording.take_up(session, ctx.task_id)
        said = await recording.sent_by_hand(session, ctx.task_id)
        posting = await postings.load(session, posting_id, ctx.owner_id) if said else None
    if said is None or posting is None:
        return None
    return SiteReceipt.by_hand(said.receipt, posting.apply_url, said.at, said.cover_letter)


def counted_host(packet: Packet) -> str:
    """For which host the applications of a day are counted, or "". A person sends at their own pace, and what runs on
    this machine is no stranger."""
    match packet.channel:
        case Channel.BY_HAND:
            return ""
        case Channel.EMAIL:
            return mailbox_of(packet.apply_url)
        case Channel.DIRECT:
            host = (urlsplit(packet.apply_url).hostname or "").lower()
            return "" if _is_here(host) else host


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
