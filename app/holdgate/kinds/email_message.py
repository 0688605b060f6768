"""The kind `email.message`: an email in somebody's own words, to an address that may be mailed.

turn (one of the person's emails of the day) → writer → approval: an administrator, for a stranger → deliver

Not `email.send`, whose templates carry links that sign in and decide, and which therefore nobody may ask for. A crash
between the server's acceptance and its storing sends the email again, with the same Message-ID.
"""

import re
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.accounts import service as accounts
from holdgate.approvals.requests.resolving import UNREACHABLE
from holdgate.core.db import WriteSession
from holdgate.core.text.addresses import BadAddress, checked_address
from holdgate.core.text.visible import is_blank
from holdgate.kinds.email_send import BACKOFF
from holdgate.mail.delivering import deliver
from holdgate.mail.errors import PermanentMailError
from holdgate.mail.message import SUBJECT_LIMIT, render
from holdgate.mail.service import ATTEMPTS, QUEUE
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import kind

TEMPLATE = "message"
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class WrittenEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to write to whom. With `values` one text serves many emails."""

    to: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[^@\s]+@[^@\s]+$",
            max_length=254,
            description="One email address. For one outside, an administrator approves the email first.",
        ),
    ]
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=SUBJECT_LIMIT)]
    text: Annotated[
        str, msgspec.Meta(min_length=1, max_length=20_000, description="Plain text. {{ name }} becomes that value.")
    ]
    values: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=2000)]],
        msgspec.Meta(max_length=50, description="What stands for {{ name }} in subject and text."),
    ] = {}

    def __post_init__(self) -> None:
        try:
            checked_address(self.to)
        except BadAddress as problem:
            raise ValueError(str(problem)) from None
        for name in PLACE.findall(self.subject + self.text):
            if name not in self.values:
                raise ValueError(f"There is no value for {{{{ {name} }}}}. Add {name!r} to values")
        if is_blank(self.filled(self.subject)) or is_blank(self.filled(self.text)):
            raise ValueError("Subject and text need a character that can be seen")

    def filled(self, text: str) -> str:
        return PLACE.sub(lambda found: self.values[found[1]], text)


class Writer(msgspec.Struct, frozen=True):
    """On whose behalf it goes; nobody's: a program has enqueued it in a transaction of its own. `anywhere`: without
    an approval."""

    email: str = ""
    named: str = ""
    anywhere: bool = True
    approvers: tuple[str, ...] = ()


class EmailAccepted(msgspec.Struct, frozen=True):
    """`accepted` is the server's word."""

    message_id: str
    accepted: str


class EmailsUsedUp(Exception):
    def __init__(self, wait: timedelta) -> None:
        super().__init__("You’ve sent as many emails as one person may within a day. This one waits for its turn.")
        self.wait = wait


@kind("email.message", queue=QUEUE, max_attempts=ATTEMPTS, timeout=timedelta(minutes=2), backoff=BACKOFF)
async def send_message(ctx: Context, payload: WrittenEmail) -> EmailAccepted:
    """Send an email in your own words."""
    await _take_turn(ctx)
    writer = await ctx.step("writer", _writer, ctx)
    subject, text = payload.filled(payload.subject), payload.filled(payload.text)
    # By the payload of now: it may have been edited since an earlier attempt.
    to = checked_address(payload.to)
    if not writer.anywhere and not accounts.is_colleague(writer.email, to, ctx.settings.signup):
        if not writer.approvers:
            raise PermanentError("No administrator is there to approve an email to this address.")
        await ctx.approval(
            "send",
            title=f"Email {to} for {writer.named}",
            show={"From": writer.named, "To": to, "Subject": subject, "Text": text},
            recipients=writer.approvers,
            self_approval=False,
        )
    return await ctx.step("deliver", _deliver, ctx, to, subject, text, writer)


async def _take_turn(ctx: Context) -> None:
    """Before anybody is asked: what is asked of administrators is bounded, too."""
    while ctx.owner_id is not None:
        try:
            await ctx.transact("turn", _turn, ctx.owner_id, ctx.settings.emails_per_day)
            return
        except EmailsUsedUp as busy:
            await ctx.progress(0, 1, str(busy))
            await ctx.sleep(f"turn-{ctx.attempt}", busy.wait)


async def _turn(session: WriteSession, owner_id: UUID, most: int) -> None:
    if (wait := await accounts.take_email(session, owner_id, most)) is not None:
        raise EmailsUsedUp(wait)


async def _writer(ctx: Context) -> Writer:
    if ctx.owner_id is None:
        return Writer()
    async with ctx.database.read() as session:
        owner = await accounts.find_user(session, ctx.owner_id)
        if owner is None or owner.disabled_at is not None:
            raise PermanentError("The access of this task’s owner has ended, so no email is sent for them.")
        if owner.role == "admin":
            return Writer(owner.email, owner.named)
        return Writer(owner.email, owner.named, False, tuple(await accounts.admin_addresses(session)))


async def _deliver(ctx: Context, to: str, subject: str, text: str, writer: Writer) -> EmailAccepted:
    async with ctx.database.read() as session:
        if await accounts.disabled_among(session, [to]):
            raise PermanentError(f"Not sent: {UNREACHABLE}.")
    context = {"subject": subject, "text": text, "sender": writer.named, "reply_to": writer.email}
    message = render(TEMPLATE, context, to=to, task_id=ctx.task_id, settings=ctx.settings)
    try:
        accepted = await deliver(ctx.database, ctx.settings, message)
    except PermanentMailError as error:
        raise PermanentError(str(error)) from error
    return EmailAccepted(str(message["Message-ID"]), accepted)
