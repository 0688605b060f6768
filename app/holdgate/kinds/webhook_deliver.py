"""The kind `webhook.deliver`: one message to one endpoint, the same bytes under the same webhook-id at every attempt.

A crash between the receiver's answer and our note of it sends the message again; the receiver knows it by its
webhook-id. A message is delivered by any 2xx. 410 means that the endpoint wants nothing more; everything else is tried
again, later than `Retry-After` when that is given.
"""

import time
from datetime import timedelta
from uuid import UUID

import httpx
import msgspec

from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import OutgoingError, RefusedRequest
from holdgate.core.text.masking import masked_text
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter
from holdgate.tasks.kinds import Backoff, kind
from holdgate.webhooks import messages, service
from holdgate.webhooks.service import KIND, QUEUE, DeliveryPayload
from holdgate.webhooks.signing import signed_headers

TIMEOUT = timedelta(seconds=15)
MAX_BYTES = 64 * 1024  # of an answer; only its status counts
# From ten seconds to eight hours: a receiver that is down for a night gets it all.
BACKOFF = Backoff(base=timedelta(seconds=10), factor=4.0, cap=timedelta(hours=8))


class WebhookAnswer(msgspec.Struct, frozen=True):
    """The answer's status and how long it took; or why nothing was sent."""

    status: int | None = None
    seconds: float = 0.0
    skipped: str | None = None


@kind(KIND, internal=True, queue=QUEUE, max_attempts=10, timeout=timedelta(minutes=1), backoff=BACKOFF)
async def deliver_webhook(ctx: Context, payload: DeliveryPayload) -> WebhookAnswer:
    """Send an event to a webhook's endpoint."""
    delivered = await ctx.step("send", send, ctx, payload.delivery_id)
    if delivered.status is not None:
        await ctx.transact("noted", service.note_delivered, payload.delivery_id, delivered.status, delivered.seconds)
    return delivered


async def send(ctx: Context, delivery_id: UUID) -> WebhookAnswer:
    async with ctx.database.read() as session:
        message = await messages.to_send(session, delivery_id)
    if message is None:
        return WebhookAnswer(skipped="The webhook was deleted.")
    if message.shut_out:
        return WebhookAnswer(skipped="The access of the webhook's owner has ended.")
    if message.disabled:
        raise PermanentError("The webhook is disabled. Once it is enabled, retry this task to send the event.")
    body = message.body.encode()
    keys = [message.secret, *([message.old_secret] if message.old_secret else [])]
    headers = signed_headers(str(delivery_id), message.timestamp, body, keys)
    began = time.monotonic()
    try:
        async with outgoing.client(ctx.settings, timeout=TIMEOUT, max_bytes=MAX_BYTES, cut=True) as http:
            answer = await http.request("POST", message.url, headers=headers, content=body)
    except OutgoingError as error:
        problem = masked_text(str(error))
        await _failed(ctx, delivery_id, problem, None, time.monotonic() - began)
        if isinstance(error, RefusedRequest):
            raise PermanentError(problem) from error
        raise RuntimeError(problem) from error
    seconds = time.monotonic() - began
    if answer.is_success:
        return WebhookAnswer(answer.status_code, seconds)
    problem = f"{answer.request.url.host} answered {answer.status_code}."
    await _failed(ctx, delivery_id, problem, answer.status_code, seconds)
    if answer.status_code == httpx.codes.GONE:
        raise PermanentError(problem)
    wait = outgoing.retry_after(answer)
    raise RuntimeError(problem) if wait is None else RetryAfter(wait, problem)


async def _failed(ctx: Context, delivery_id: UUID, problem: str, status: int | None, seconds: float) -> None:
    async with ctx.database.write("system") as session:
        await service.note_failed(session, delivery_id, problem, status=status, seconds=seconds)
