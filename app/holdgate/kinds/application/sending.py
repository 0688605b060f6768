"""Sending an application so that the site counts it once, whatever breaks on the way.

Before the first request of a packet a step is stored ("sending"). From then on the packet is the only thing that may
be sent, always with the same key, until the site has said clearly that it did not take it.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import httpx

from holdgate.accounts.profile.profiles import load_resume
from holdgate.approvals.rules.forms import FormField
from holdgate.core.db import Session, WriteSession
from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import OutgoingClient, RefusedRequest
from holdgate.kinds.application import answers
from holdgate.kinds.application.packet import Packet, Refusal, SignInWanted, SiteReceipt, Unclear
from holdgate.postings import service as postings
from holdgate.postings.errors import PostingNotFound
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter

TIMEOUT = timedelta(seconds=45)
PATIENCE = timedelta(seconds=10)  # of a Retry-After is waited for in place; what is longer is left to the retry
HOPS = 3
ANOTHER = timedelta(minutes=1)  # how long an application waits for another one of the same posting

CHANGED = "Your résumé has changed since you approved the application, so nothing was sent."


async def send(
    ctx: Context, packet: Packet, letter: str, *, posting_id: UUID, draft: int, tries: Iterator[int]
) -> SiteReceipt | Refusal:
    """The packet with its approved letter, until the site has taken or refused it.

    Args:
        draft: the packet's number, from 1.
        tries: numbers the tries whose outcome is known; shared by all packets of the task.
    """
    step = numbered("send", draft)
    stale = await ctx.transact(numbered("sending", draft), check_fresh, ctx, packet, posting_id)
    if stale is not None:
        return stale
    while True:
        n = next(tries)
        key = ctx.idempotency_key(step)
        outcome = await ctx.step(numbered("send", n), post, ctx, packet, letter, key, posting_id)
        if isinstance(outcome, Unclear):
            return await _look(ctx, packet, letter, outcome, n)
        if not isinstance(outcome, SignInWanted):
            return outcome
        said = f" (it says: {outcome.said[:200]})" if outcome.said else ""
        title = f"Sign in at {outcome.host} to apply for {packet.title} at {packet.company}{said}"
        await ctx.sign_in(f"sign-in-{n}", title=title, url=outcome.url)


async def _look(ctx: Context, packet: Packet, letter: str, unclear: Unclear, n: int) -> SiteReceipt | Refusal:
    """Ask whether it has arrived: sending it again could make two of it, and passing over it none."""
    answer = await ctx.ask(
        f"arrived-{n}",
        title=f"Has {packet.company} received your application for {packet.title}?",
        show={
            "What happened": f"{unclear.host} answered {unclear.status} without a receipt.",
            "Site": packet.apply_url,
        },
        fields=[FormField("arrived", "The application has arrived", "select", True, ("yes", "no"))],
    )
    if answer.form["arrived"] != "yes":
        return Refusal(round=unclear.round, reason=f"{unclear.host} has not taken the application ({unclear.status}).")
    return SiteReceipt(
        receipt="",
        status=unclear.status,
        url=packet.apply_url,
        sent_at=unclear.at,
        cover_letter_sha256=sha256(letter.encode()).hexdigest(),
    )


def numbered(name: str, n: int) -> str:
    """`send`, `send-2`, `send-3`"""
    return name if n == 1 else f"{name}-{n}"


async def check_fresh(session: WriteSession, ctx: Context, packet: Packet, posting_id: UUID) -> Refusal | None:
    """None when the packet is still right; storing that begins the sending. Raises RetryAfter as `_begin` does."""
    await _begin(session, ctx, posting_id)
    if await _resume(session, ctx, packet) is None:
        return Refusal(round=ctx.task.round, reason=CHANGED, outdated=True)
    if await _applied_since(session, ctx, packet, posting_id):
        reason = "Somebody has applied for this posting since you approved the application, so nothing was sent."
        return Refusal(round=ctx.task.round, reason=reason, outdated=True)
    return None


async def _applied_since(session: Session, ctx: Context, packet: Packet, posting_id: UUID) -> bool:
    try:
        posting = await postings.load(session, posting_id, ctx.owner_id)
    except PostingNotFound as error:
        raise PermanentError(str(error)) from error
    return posting.applied_at != packet.applied_at


async def _begin(session: WriteSession, ctx: Context, posting_id: UUID) -> None:
    """Raises RetryAfter while another task is sending: once it has, what was approved here may be out of date."""
    if not await postings.begin_sending(session, posting_id, ctx.task_id):
        raise RetryAfter(ANOTHER, "Another application for this posting is being sent, so this one waits.")


async def _resume(session: Session, ctx: Context, packet: Packet) -> bytes | None:
    """The bytes that were shown, or None when the profile has others now."""
    assert ctx.owner_id is not None
    document = await load_resume(session, ctx.owner_id)
    if document is None or sha256(document.content).hexdigest() != packet.resume.sha256:
        return None
    return document.content


async def post(
    ctx: Context, packet: Packet, letter: str, key: str, posting_id: UUID
) -> SiteReceipt | Refusal | SignInWanted | Unclear:
    """One try. What is not clear (no answer, a server's error) is raised, so that the same is sent again.

    Raises:
        OutgoingError, SiteBusy, RetryAfter: worth another try.
        PermanentError: not worth one.
    """
    async with ctx.database.write("system") as session:
        await _begin(session, ctx, posting_id)  # again: this may be a retry of days later
        applied = await _applied_since(session, ctx, packet, posting_id)
        resume = await _resume(session, ctx, packet)
    if resume is None:
        raise PermanentError(
            "Your résumé has changed since the sending began, so the same application cannot be sent again. Nobody "
            f"knows whether {packet.company} has received it. Put back {packet.resume.name} and retry, or ask them."
        )
    if applied:
        raise PermanentError(
            "Somebody has applied for this posting since the sending began, so it is not sent once more. Nobody knows "
            f"whether {packet.company} has received this one as well. Ask them."
        )
    await ctx.progress(2, 3, "Sending")
    try:
        async with outgoing.client(ctx.settings, timeout=TIMEOUT) as http:
            response = await _deliver(http, packet, letter, resume, key)
    except RefusedRequest as error:
        raise PermanentError(str(error)) from error
    return await answers.judge(ctx, packet, letter, response)


async def _deliver(http: OutgoingClient, packet: Packet, letter: str, resume: bytes, key: str) -> httpx.Response:
    """The site's last word, after its redirects."""
    url = packet.apply_url
    for _ in range(HOPS):
        response = await _post_form(http, url, packet, letter, resume, key)
        wait = outgoing.retry_after(response)
        if wait and wait <= PATIENCE:
            await asyncio.sleep(wait.total_seconds())
            response = await _post_form(http, url, packet, letter, resume, key)
        if response.status_code not in (307, 308):
            break
        # “Send it there instead.” Only to the server that was approved: another port may be somebody else's.
        target = outgoing.redirect_target(response)
        if outgoing.origin(target) != outgoing.origin(response.url):
            there = outgoing.origin(target)
            raise PermanentError(f"{response.url.host} wants it sent to {there}, which nobody has approved.")
        url = str(target)
    for _ in range(HOPS):
        if response.status_code not in (301, 302, 303):
            break
        response = await http.follow(response)
    return response


async def _post_form(
    http: OutgoingClient, url: str, packet: Packet, letter: str, resume: bytes, key: str
) -> httpx.Response:
    fields = {"name": packet.name, "email": packet.email, "phone": packet.phone, "cover_letter": letter}
    fields |= {f"answers[{reply.name}]": reply.value for reply in packet.replies}
    return await http.request(
        "POST",
        url,
        headers={"Idempotency-Key": key, "Accept": "application/json, text/html;q=0.5"},
        data={name: value for name, value in fields.items() if value},
        files={"resume": (packet.resume.name, resume, packet.resume.media_type)},
    )
