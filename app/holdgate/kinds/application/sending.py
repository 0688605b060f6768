"""Sending an application so that the site counts it once, whatever breaks on the way.

Before the first request of a packet a step is stored ("sending"). From then on the packet is the only thing that may
be sent, always with the same key, until the site has said clearly that it did not take it. Before each request another
step is stored ("trying"): an attempt that finds the one of an attempt before, without its outcome, does not know
whether that request arrived. Unless the site says that it keeps keys, a person is asked then, and it is not sent again.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import httpx

from holdgate.approvals.forms import FormField
from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import (
    AnswerTooLarge,
    NotSent,
    OutgoingClient,
    OutgoingError,
    RefusedRequest,
    Unreachable,
)
from holdgate.kinds.application import answers, by_email, by_hand, readiness
from holdgate.kinds.application.packet import NotTaken, Packet, Refusal, SignInWanted, SiteReceipt, Unclear, numbered
from holdgate.postings.channels import Channel
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter

TIMEOUT = timedelta(seconds=45)
PATIENCE = timedelta(seconds=10)  # of a Retry-After is waited for in place; what is longer is left to the retry
HOPS = 3
SIGN_INS = 2  # after as many in vain a person applies on the site itself


async def send(
    ctx: Context, packet: Packet, letter: str, *, posting_id: UUID, draft: int, tries: Iterator[int]
) -> SiteReceipt | Refusal:
    """The packet with its approved letter, until the site has taken or refused it.

    Args:
        draft: the packet's number, from 1.
        tries: numbers the tries whose outcome is known; shared by all packets of the task.
    """
    step = numbered("send", draft)
    stale = await _begin(ctx, packet, letter, posting_id, draft)
    if stale is not None:
        return stale
    if packet.channel is Channel.BY_HAND:
        return await by_hand.hand_off(ctx, packet, letter, packet.by_hand_because, draft)
    deliver = by_email.send if packet.channel is Channel.EMAIL else post
    signed_in = 0
    while True:
        n = next(tries)
        key = ctx.idempotency_key(step)
        begun = await ctx.step(numbered("trying", n), _this_attempt, ctx)
        outcome = await ctx.step(numbered("send", n), deliver, ctx, packet, letter, key, posting_id, begun)
        match outcome:
            case NotTaken():
                if outcome.attempt == ctx.attempt:
                    raise _later(outcome)
            case Unclear():
                return await _look(ctx, packet, letter, outcome, n)
            case SignInWanted():
                signed_in += 1
                if signed_in > SIGN_INS:  # it may know their browser now, and still not us
                    why = f"{outcome.host} takes applications only from those who have signed in there."
                    return await by_hand.hand_off(ctx, packet, letter, why, draft)
                await _sign_in(ctx, packet, outcome, n)
            case Refusal(no_form=True):
                return await by_hand.hand_off(ctx, packet, letter, outcome.reason, draft)
            case _:
                return outcome


async def _begin(ctx: Context, packet: Packet, letter: str, posting_id: UUID, draft: int) -> Refusal | None:
    """None: it may be sent. Where too many have gone on one day it waits for its turn, without using up an attempt."""
    step = numbered("sending", draft)
    while True:
        try:
            return await ctx.transact(step, readiness.check_fresh, ctx, packet, letter, posting_id)
        except readiness.DayIsFull as busy:
            await ctx.progress(1, 3, str(busy))
            await ctx.sleep(f"turn-{ctx.attempt}", busy.wait)


async def _this_attempt(ctx: Context) -> int:
    return ctx.attempt


def _later(outcome: NotTaken) -> Exception:
    if outcome.wait is None:
        return answers.SiteBusy(outcome.reason)
    return RetryAfter(timedelta(seconds=outcome.wait), outcome.reason)


async def _sign_in(ctx: Context, packet: Packet, wanted: SignInWanted, n: int) -> None:
    """Ask the person to sign in at the site; once they say they have, it is sent again."""
    said = f" (it says: {wanted.said[:200]})" if wanted.said else ""
    title = f"Sign in at {wanted.host} to apply for {packet.title} at {packet.company}{said}"
    await ctx.sign_in(f"sign-in-{n}", title=title, url=wanted.url)


async def _look(ctx: Context, packet: Packet, letter: str, unclear: Unclear, n: int) -> SiteReceipt | Refusal:
    """Ask whether it has arrived: sending it again could make two of it, and passing over it none."""
    answer = await ctx.ask(
        f"arrived-{n}",
        title=f"Has {packet.company} received your application for {packet.title}?",
        show={
            "Problem": unclear.said or f"{unclear.host} answered {unclear.status} without a receipt.",
            "Site": packet.apply_url,
        },
        fields=[FormField("arrived", "The application has arrived", "select", True, ("yes", "no"))],
    )
    if answer.form["arrived"] != "yes":
        why = unclear.said or f"{unclear.host} answered {unclear.status}."
        return Refusal(round=unclear.round, reason=f"{unclear.host} has not taken the application. {why}")
    return SiteReceipt.by_hand("", packet.apply_url, unclear.at, letter, status=unclear.status)


async def post(
    ctx: Context, packet: Packet, letter: str, key: str, posting_id: UUID, begun: int
) -> SiteReceipt | Refusal | SignInWanted | NotTaken | Unclear:
    """One request. `begun` is the attempt that was the first to make it: another one does not know what became of it.

    Raises:
        OutgoingError, SiteBusy: not known whether it arrived, and the site keeps keys: the same is sent again.
        RetryAfter: another application of this posting is being sent.
        PermanentError: not worth another attempt.
    """
    resume = await readiness.resume_to_send(ctx, packet, posting_id)
    await ctx.progress(2, 3, "Sending")
    try:
        async with outgoing.client(ctx.settings, timeout=TIMEOUT) as http:
            if begun != ctx.attempt and not await _keeps_keys(http, packet):
                return await _unclear(ctx, packet, "The attempt before was cut off while it was being sent.")
            try:
                response = await _deliver(http, packet, letter, resume, key)
            except NotSent as error:
                return NotTaken(attempt=ctx.attempt, reason=str(error))
            except (Unreachable, AnswerTooLarge) as error:
                if isinstance(error, Unreachable) and await _keeps_keys(http, packet):
                    raise
                return await _unclear(ctx, packet, str(error))
    except RefusedRequest as error:
        raise PermanentError(str(error)) from error
    return await answers.judge(ctx, packet, letter, response)


async def _keeps_keys(http: OutgoingClient, packet: Packet) -> bool:
    """Ask the site itself. One that does not answer is taken for one that does not."""
    try:
        return answers.keeps_keys(await http.request("OPTIONS", packet.apply_url))
    except OutgoingError:
        return False


async def _unclear(ctx: Context, packet: Packet, said: str) -> Unclear:
    host = httpx.URL(packet.apply_url).host
    return Unclear(round=ctx.task.round, status=0, host=host, at=await answers.now(ctx), said=said)


async def _deliver(http: OutgoingClient, packet: Packet, letter: str, resume: bytes, key: str) -> httpx.Response:
    """The site's last word, after its redirects."""
    url = packet.apply_url
    for _ in range(HOPS):
        response = await _post_form(http, url, packet, letter, resume, key)
        wait = outgoing.retry_after(response)
        if wait and wait <= PATIENCE and response.status_code in answers.REFUSED_FOR_NOW:
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
        try:
            response = await http.follow(response)
        except NotSent as error:  # this request; the application was
            raise Unreachable(str(error)) from error
    return response


async def _post_form(
    http: OutgoingClient, url: str, packet: Packet, letter: str, resume: bytes, key: str
) -> httpx.Response:
    fields: dict[str, str | list[str]] = {
        "name": packet.name,
        "email": packet.email,
        "phone": packet.phone,
        "cover_letter": letter,
    }
    if packet.links:
        fields["links"] = "\n".join(packet.links)
    fields |= {f"answers[{reply.name}]": reply.options or reply.value for reply in packet.replies}
    return await http.request(
        "POST",
        url,
        headers={"Idempotency-Key": key, "Accept": "application/json, text/html;q=0.5"},
        data={name: value for name, value in fields.items() if value},
        files={"resume": (packet.resume.name, resume, packet.resume.media_type)},
    )
