"""The kind `email.send`: every mail of every feature goes through here.

    prepare (a write transaction) → render → deliver (no transaction open)   the step "deliver"
    letter.sent                                                             in the transaction of the step "sent"

A crash between the server's acceptance and the storing of "deliver" sends the mail a second time. It then has the
same Message-ID and a link of its own; the first one's stays valid, because nothing takes a minted token back. A
crash after that repeats nothing but what was not yet stored.
"""

from contextlib import suppress
from datetime import timedelta

import msgspec

# The letters of the features register themselves; who can send mail can send theirs.
from holdgate.accounts import service as accounts
from holdgate.approvals.requests.resolving import UNREACHABLE
from holdgate.core.postgres.outages import AWAY
from holdgate.core.text.addresses import checked_address
from holdgate.mail.delivering import deliver
from holdgate.mail.errors import NotNeeded, PermanentMailError, TemporaryMailError
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from holdgate.mail.service import ATTEMPTS, KIND, QUEUE, Email
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import Backoff, kind

# About ten seconds to the first retry; after a few minutes every quarter of an hour on average, however long the server
# is away: how often is mail/service.py's.
BACKOFF = Backoff(base=timedelta(seconds=10), factor=3.0, cap=timedelta(minutes=30))


class EmailResult(msgspec.Struct, frozen=True):
    """How it ended. `accepted` is the server's word; `skipped` says why nothing was sent. Never a link.

    `barred`: whom it is to is disabled, so the feature is told that it does not arrive.
    """

    message_id: str | None = None
    accepted: str | None = None
    skipped: str | None = None
    barred: bool = False


@kind(KIND, internal=True, queue=QUEUE, max_attempts=ATTEMPTS, timeout=timedelta(minutes=2), backoff=BACKOFF)
async def send_email(ctx: Context, payload: Email) -> EmailResult:
    """Render a mail template and hand the mail to the mail server."""
    letter = find_letter(payload.template)
    data = letter_data(payload.template, payload.data)
    try:
        delivery = await ctx.step("deliver", _deliver, ctx, payload)
    except (PermanentMailError, PermanentError) as error:
        await ctx.transact("undelivered", letter.undelivered, data, str(error))
        raise PermanentError(str(error)) from error
    except Exception as error:
        if ctx.last_try:
            # What is not about mail (a template that fails) is told in full by the task, not to the letter's feature.
            problem = str(error) if isinstance(error, TemporaryMailError) else "The email couldn’t be created."
            await ctx.transact("undelivered", letter.undelivered, data, problem)
        elif isinstance(error, TemporaryMailError):
            with suppress(*AWAY):  # told again after the next attempt
                async with ctx.database.write("system") as session:
                    await letter.delayed(session, data, str(error))
        raise
    if delivery.barred:
        await ctx.transact("undelivered", letter.undelivered, data, UNREACHABLE)
    if delivery.message_id is not None:
        await ctx.transact("sent", letter.sent, data, delivery.accepted or "")
    return delivery


async def _deliver(ctx: Context, payload: Email) -> EmailResult:
    letter = find_letter(payload.template)
    try:
        async with ctx.database.write("system") as session:
            if await accounts.disabled_among(session, [payload.to]):
                return EmailResult(skipped="The access of this person has ended.", barred=True)
            context = await letter.prepare(session, letter_data(payload.template, payload.data), ctx.settings)
            if checked_address(context.get("to", payload.to)) != checked_address(payload.to):
                # Raised inside: the link just minted is rolled back.
                raise PermanentError("The link in this email is for a different address.")
    except NotNeeded as reason:
        return EmailResult(skipped=str(reason))
    message = render(payload.template, context, to=payload.to, task_id=ctx.task_id, settings=ctx.settings)
    return EmailResult(str(message["Message-ID"]), await deliver(ctx.database, ctx.settings, message))
