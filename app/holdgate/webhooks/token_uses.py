"""The webhooks that a token made, or changed last: they go on when it is revoked, unless they are paused with it."""

from uuid import UUID

from app.accounts.token_uses import Use
from app.core.db import Session, WriteSession
from app.core.masking import masked_text
from app.core.principal import Principal
from app.webhooks import queries, service


async def uses_of(session: Session, by: Principal, token_id: UUID) -> list[Use]:
    found = await queries.endpoints_of_token(session, by.id, token_id)
    return [Use("webhook", masked_text(endpoint.url), f"/settings/webhooks/{endpoint.id}") for endpoint in found]


async def pause_uses(session: WriteSession, by: Principal, token_id: UUID) -> None:
    for endpoint in await queries.endpoints_of_token(session, by.id, token_id):
        await service.disable(session, by, endpoint.id)
