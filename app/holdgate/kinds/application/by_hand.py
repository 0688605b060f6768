"""An application that a person sends: everything is prepared for the employer's own page, and they say how it ended."""

from datetime import datetime
from hashlib import sha256

from holdgate.approvals.forms import FormField
from holdgate.kinds.application import answers
from holdgate.kinds.application.packet import Packet, Refusal, SiteReceipt
from holdgate.postings.channels import Channel
from holdgate.runtime.attempts.context import Context

SENT, NOT_SENT = "I have sent it", "I could not send it"


async def hand_off(ctx: Context, packet: Packet, letter: str, why: str, n: int) -> SiteReceipt | Refusal:
    """Show the approved application beside the employer's page until the person says that it has been sent, or why not.

    Args:
        n: the packet's number, from 1.
    """
    answer = await ctx.ask(
        f"hand-off-{n}",
        title=f"Send your application for {packet.title} to {packet.company}",
        show={
            "Why by hand": why,
            "1. Open this page": packet.apply_url,
            "2. Copy these": "What you approved, in the order of most forms:",
            **packet.texts(letter),
            "3. Attach": f"{packet.resume.name}, from {ctx.settings.base_url}/settings/resume",
        },
        fields=[
            FormField("next", "How did it end?", "select", True, (SENT, NOT_SENT)),
            FormField("confirmation", "Confirmation number, if you were given one"),
            FormField("reason", "Why it could not be sent, if so", "textarea"),
        ],
    )
    if answer.form["next"] == SENT:
        return sent(packet, letter, await answers.now(ctx), receipt=answer.form.get("confirmation", ""))
    reason = " ".join(str(answer.form.get("reason", "")).split()) or "No reason was given."
    return Refusal(round=ctx.task.round, reason=f"It could not be sent by hand. {reason}")


def sent(packet: Packet, letter: str, at: datetime, *, receipt: str = "", status: int = 0) -> SiteReceipt:
    """A person says that the employer has it."""
    return SiteReceipt(
        receipt=receipt,
        status=status,
        url=packet.apply_url,
        sent_at=at,
        cover_letter_sha256=sha256(letter.encode()).hexdigest(),
        channel=Channel.BY_HAND,
    )
