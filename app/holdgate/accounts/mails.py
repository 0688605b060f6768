"""The mails about access: the sign-in link, whose token is minted while it is rendered, the invitation, a new token."""

from typing import Any
from uuid import UUID

import msgspec

from holdgate.accounts import queries
from holdgate.accounts.sign_in import queries as link_queries
from holdgate.accounts.tokens import queries as token_queries
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.tokens import digest, mint
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter


class SignInData(msgspec.Struct, frozen=True):
    link_id: UUID


class SignInLetter(PlainLetter):
    Data: type[msgspec.Struct] = SignInData

    async def prepare(self, session: WriteSession, data: SignInData, settings: Settings) -> dict[str, Any]:
        token = mint()
        email = await link_queries.give_token(session, data.link_id, digest(token))
        if email is None:
            raise NotNeeded("The link has been used, has expired or was replaced by a newer one.")
        return {
            "to": email,
            "url": f"{settings.base_url}/login/{token}",
            "minutes": int(link_queries.LINK_LASTS.total_seconds() // 60),
        }


class InvitationData(msgspec.Struct, frozen=True):
    """`by`: the address of whoever gave access."""

    user_id: UUID
    by: str


class InvitationLetter(PlainLetter):
    """Without a token: it stays true however long it lies, and signing in is by mail anyway."""

    Data: type[msgspec.Struct] = InvitationData

    async def prepare(self, session: WriteSession, data: InvitationData, settings: Settings) -> dict[str, Any]:
        user = await queries.user_by_id(session, data.user_id)
        if user is None or user.disabled_at is not None:
            raise NotNeeded("They have no access any more.")
        return {"by": data.by, "admin": user.role == "admin", "url": f"{settings.base_url}/login"}


class NewTokenData(msgspec.Struct, frozen=True):
    user_id: UUID
    token_id: UUID


class TokenCreatedLetter(PlainLetter):
    """Whoever sits at an open browser for a minute can make a token, which outlives the session."""

    Data: type[msgspec.Struct] = NewTokenData

    async def prepare(self, session: WriteSession, data: NewTokenData, settings: Settings) -> dict[str, Any]:
        token = await token_queries.find_token(session, data.user_id, data.token_id)
        if token is None:
            raise NotNeeded("The token was revoked.")
        return {
            "name": token.name,
            "prefix": token.prefix,
            "scopes": list(token.scopes),
            "expires": f"{token.expires_at:%d %B %Y}" if token.expires_at else "",
            "url": f"{settings.base_url}/settings/tokens",
        }
