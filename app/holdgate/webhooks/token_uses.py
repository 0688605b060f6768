"""The webhooks that a token made, or changed last: they go on when it is revoked, unless they are paused with it."""

from uuid import UUID

from holdgate.accounts.tokens.uses import Use
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text
from holdgate.webhooks import queries, service


async def uses_of(session: Session, by: Principal, token_id: UUID) -> list[Use]:
    found = await queries.endpoints_of_token(session, by.id, token_id)
    return [Use("webhook", masked_text(endpoint.url), f"/settings/webhooks/{endpoint.id}") for endpoint in found]


async def pause_uses(session: WriteSession, by: Principal, token_id: UUID) -> None:
    for endpoint in await queries.endpoints_of_token(session, by.id, token_id):
        await service.disable(session, by, endpoint.id)
