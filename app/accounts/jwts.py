"""JWTs of the identity provider: whether one is valid, and whose it is."""

from typing import Any
from uuid import UUID

import jwt
import msgspec

from app.accounts import queries
from app.accounts.errors import BadToken
from app.accounts.jwks import ALGORITHMS, Jwks
from app.accounts.models import User
from app.core.config import Settings
from app.core.db import Session

LEEWAY = 30  # seconds by which clocks may differ
LONGEST = 16_384


class Claims(msgspec.Struct, frozen=True):
    """What we believe of a valid token. `email` is empty unless the provider has verified it."""

    subject: str
    email: str
    scopes: list[str]


async def verified(token: str, keys: Jwks, settings: Settings) -> Claims:
    """Raises BadToken; Unavailable while nobody can tell."""
    if len(token) > LONGEST:
        raise BadToken("The JWT is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise BadToken("It is not a JWT.") from error
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS:
        raise BadToken(f"A JWT must be signed with {', '.join(ALGORITHMS)}.")
    key = await keys.key(kid)
    if key is None:
        raise BadToken("The JWT's key is unknown.")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise BadToken(f"The JWT is not valid: {error}.") from error
    email = claims.get("email")
    believed = isinstance(email, str) and claims.get("email_verified") is True
    return Claims(str(claims["sub"]), str(email) if believed else "", _scopes(claims.get("scope")))


def _scopes(given: Any) -> list[str]:
    """A text with spaces (RFC 8693), or a list, as some providers write it."""
    if isinstance(given, str):
        return given.split()
    return [str(item) for item in given] if isinstance(given, list) else []


async def person_of(session: Session, claims: Claims) -> User | None:
    """Who has the verified address; without one, whose id in Holdpoint is the subject. Nobody is let in anew."""
    user = await queries.user_by_email(session, claims.email) if claims.email and "\0" not in claims.email else None
    if user is None and not claims.email:
        try:
            user = await queries.user_by_id(session, UUID(claims.subject))
        except ValueError:
            return None
    return None if user is None or user.disabled_at is not None else user
