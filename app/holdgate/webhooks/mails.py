"""The mail that tells an endpoint's owner that it was given up."""

from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.text.masking import masked_text
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter
from holdgate.webhooks import queries


class Disabled(msgspec.Struct, frozen=True):
    endpoint_id: UUID


class WebhookDisabled(PlainLetter):
    Data: type[msgspec.Struct] = Disabled

    async def prepare(self, session: WriteSession, data: Disabled, settings: Settings) -> dict[str, Any]:
        endpoint = await queries.find_endpoint(session, data.endpoint_id, None)
        if endpoint is None or endpoint.disabled_reason is None:
            raise NotNeeded("The webhook was deleted, or is enabled again.")
        return {
            "address": masked_text(endpoint.url),
            "reason": endpoint.disabled_reason,
            "url": f"{settings.base_url}/settings/webhooks/{endpoint.id}",
        }
