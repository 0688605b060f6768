"""An application that a person sends: everything is prepared for the employer's own page, and they say how it ended."""

from uuid import UUID

from holdgate.applications import recording
from holdgate.approvals.blocks import AnyBlock, FieldsBlock, FileBlock, LinkBlock, TextBlock
from holdgate.approvals.forms import FormField
from holdgate.core.db import WriteSession
from holdgate.kinds.application import answers
from holdgate.kinds.application.packet import LONG, Packet, Refusal, SiteReceipt
from holdgate.postings.channels import is_email, mailbox_of
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
        show=_shown(ctx, packet, letter, why, await _page(ctx)),
        fields=[
            FormField("next", "How did it end?", "select", True, (SENT, NOT_SENT)),
            FormField("confirmation", "Confirmation number, if you were given one"),
            FormField("reason", "Why it could not be sent, if so", "textarea"),
        ],
    )
    if answer.form["next"] == SENT:
        receipt = " ".join(str(answer.form.get("confirmation", "")).split())
        return SiteReceipt.by_hand(receipt, packet.apply_url, await answers.now(ctx), letter)
    reason = " ".join(str(answer.form.get("reason", "")).split()) or "No reason was given."
    return await ctx.transact(f"put-aside-{n}", _put_aside, ctx.task_id, ctx.task.round, reason)


async def _put_aside(session: WriteSession, task_id: UUID, round: int, reason: str) -> Refusal:
    await recording.record_put_aside(session, task_id, reason)
    return Refusal(round=round, reason=f"It could not be sent by hand. {reason}")


async def _page(ctx: Context) -> str:
    """The hand-off page, or "" for an application of a release that had none."""
    async with ctx.database.read() as session:
        id = await recording.application_id(session, ctx.task_id)
    return f"{ctx.settings.base_url}/applications/{id}/hand-off" if id else ""


def _shown(ctx: Context, packet: Packet, letter: str, why: str, page: str) -> list[AnyBlock]:
    """What goes into the employer's form, in its order."""
    texts = packet.texts(letter)
    short = {label: text for label, text in texts.items() if "\n" not in text and len(text) <= LONG}
    blocks: list[AnyBlock] = [FieldsBlock({"Why by hand": why})]
    if is_email(packet.apply_url):
        blocks += [FieldsBlock({"Send an email to": mailbox_of(packet.apply_url), "Subject": packet.subject})]
    else:
        blocks += [LinkBlock(packet.apply_url, "The employer’s form")]
    blocks += [LinkBlock(page, "The same with copy buttons")] if page else []
    blocks += [FieldsBlock(short, "Copy these")]
    blocks += [TextBlock(text, label) for label, text in texts.items() if label not in short]
    if packet.resume_file is not None:
        return [*blocks, FileBlock(packet.resume_file, "Attach your résumé")]
    attach = f"{packet.resume.name}, from {ctx.settings.base_url}/settings/resume"
    return [*blocks, FieldsBlock({"Attach your résumé": attach})]
