"""What a receiver is given to verify messages by."""

from datetime import timedelta

import pytest

from holdgate.client import WebhookRefused, verify_webhook
from holdgate.webhooks.signing import signed_headers

BODY = b'{"type": "ping", "timestamp": "2026-11-23T09:00:00Z", "data": {"endpoint_id": "E"}}'
SENT = 1_795_424_400
KEY, OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_message_is_genuine_by_one_of_the_secrets_and_in_any_case_of_headers() -> None:
    headers = {name.title(): value for name, value in signed_headers("m1", SENT, BODY, [OTHER, KEY]).items()}
    message = verify_webhook(BODY, headers, KEY, now=SENT + 9)
    assert (message.id, message.type, message.data) == ("m1", "ping", {"endpoint_id": "E"})
    alone = signed_headers("m1", SENT, BODY, [KEY])
    assert verify_webhook(BODY, alone, [OTHER, KEY], now=SENT - 9).id == "m1"


@pytest.mark.parametrize(
    ("body", "changed", "secret", "late"),
    [
        (BODY + b" ", {}, KEY, 0),
        (BODY, {}, OTHER, 0),
        (BODY, {"webhook-id": "m2"}, KEY, 0),
        (BODY, {"webhook-timestamp": str(SENT + 1)}, KEY, 0),
        (BODY, {"webhook-timestamp": "soon"}, KEY, 0),
        (BODY, {"webhook-signature": "v1,é"}, KEY, 0),
        (BODY, {"webhook-signature": ""}, KEY, 0),
        (BODY, {}, KEY, 301),
        (BODY, {}, KEY, -301),
    ],
)
def test_what_is_not_genuine_is_refused(body: bytes, changed: dict[str, str], secret: str, late: int) -> None:
    headers = signed_headers("m1", SENT, BODY, [KEY]) | changed
    with pytest.raises(WebhookRefused):
        verify_webhook(body, headers, secret, tolerance=timedelta(minutes=5), now=SENT + late)


def test_what_is_no_secret_is_the_receivers_mistake() -> None:
    with pytest.raises(ValueError, match="begins with whsec_") as wrong:
        verify_webhook(BODY, signed_headers("m1", SENT, BODY, [KEY]), "hg_token!", now=SENT)
    assert not isinstance(wrong.value, WebhookRefused)
