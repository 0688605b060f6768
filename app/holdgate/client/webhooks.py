"""For those who receive webhooks: whether a message is genuine (Standard Webhooks 1.0)."""

import binascii
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)


class WebhookRefused(ValueError):
    """This message is not from whom it says, or not from now: answer it with 401."""


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened. `id` is the same each time it is sent: keep it, and work each off once.

    `type` is one of the events in docs/webhooks.md, `data` what it says of the task, approval request or run.
    """

    id: str = ""
    type: str
    timestamp: datetime
    data: dict[str, Any]


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Iterable[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: float | None = None,
) -> WebhookMessage:
    """The message, if it is genuine.

    Args:
        body: the request's bytes as they came, not parsed and written again.
        headers: of the request, in whatever case.
        secret: `whsec_…` of the endpoint, or several, while it is being replaced.
        tolerance: how old it may be. now: seconds since 1970, else this machine's clock.

    Raises:
        WebhookRefused: answer 401.
        ValueError: `secret` is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = [part.removeprefix("v1,") for part in given.get("webhook-signature", "").split() if part[:3] == "v1,"]
    if not (id and signatures and sent.isascii() and sent.isdecimal()):
        raise WebhookRefused("The headers webhook-id, webhook-timestamp and webhook-signature are missing or wrong.")
    content = b".".join((id.encode(), sent.encode(), body))
    keys = [secret] if isinstance(secret, str) else list(secret)
    expected = [b64encode(hmac.new(_key(key), content, sha256).digest()) for key in keys]
    if not any(hmac.compare_digest(one, other.encode()) for one in expected for other in signatures):
        raise WebhookRefused("The signature is not by this endpoint's secret.")
    if abs((time.time() if now is None else now) - int(sent)) > tolerance.total_seconds():
        raise WebhookRefused("The message is too old, or this machine's clock is wrong.")
    try:
        return msgspec.structs.replace(msgspec.json.decode(body, type=WebhookMessage), id=id)
    except msgspec.DecodeError as error:
        raise WebhookRefused(f"The message can’t be read: {error}.") from error


def _key(secret: str) -> bytes:
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("This is no secret of a webhook endpoint: it begins with whsec_.") from None
