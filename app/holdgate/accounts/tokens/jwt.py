"""JWTs of the identity provider: whether one is valid, and whose it is."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import msgspec

from holdgate.accounts import queries
from holdgate.accounts.errors import BadToken
from holdgate.accounts.models import User
from holdgate.accounts.tokens.jwks import ALGORITHMS, Jwks
from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.core.text.addresses import BadAddress, checked_address

LEEWAY = 30  # seconds by which clocks may differ
LONGEST = 16_384
LONGEST_LIFE = timedelta(days=7)  # of an access token; one that ends in the year 9999 is a password
# In the header (RFC 9068), and in the claims of some providers. What else a provider signs is made for another purpose.
TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt", "bearer")
# Who signs in to a client is told by an ID token, which is for that client alone; what has ended by `events`.
OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash", "events")


class TokenClaims(msgspec.Struct, frozen=True):
    """What we believe of a valid token. `email` is verified and canonical; empty: the token names none."""

    subject: str
    email: str
    scopes: list[str]


async def verified(token: str, keys: Jwks, settings: Settings) -> TokenClaims:
    """Raises BadToken; Unavailable while nobody can tell."""
    if len(token) > LONGEST:
        raise BadToken("The JWT is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise BadToken("It is not a JWT.") from error
    kid = header.get("kid")
    _check_type(header.get("typ"))
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
        life = timedelta(seconds=float(claims["exp"]) - float(claims["iat"]))
    except (jwt.PyJWTError, TypeError, ValueError, OverflowError) as error:
        raise BadToken(f"The JWT is not valid: {error}.") from error
    if life > LONGEST_LIFE:
        raise BadToken(f"The JWT lives longer than {LONGEST_LIFE.days} days.")
    _check_type(claims.get("typ"))
    if claims.get("token_use") == "id" or any(name in claims for name in OF_ID_TOKENS):
        raise BadToken("It is an ID token or a notice. An access token is needed.")
    return TokenClaims(str(claims["sub"]), _email(claims), _scopes(claims.get("scope")))


def _check_type(given: Any) -> None:
    if given is not None and (not isinstance(given, str) or given.lower() not in TYPES):
        raise BadToken("It is no access token: its typ is another.")


def _email(claims: dict[str, Any]) -> str:
    """The verified address, or "" when the token has none. One that is not verified is refused, not passed over: who
    may write any address into their account at the provider is nobody here, whomever else the token names.
    """
    email = claims.get("email")
    if email is None:
        return ""
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise BadToken("The JWT's email is not verified: email_verified must be true.")
    try:
        return checked_address(email)
    except BadAddress as problem:
        raise BadToken(str(problem)) from problem


def _scopes(given: Any) -> list[str]:
    """A text with spaces (RFC 8693), or a list, as some providers write it."""
    if isinstance(given, str):
        return given.split()
    return [str(item) for item in given] if isinstance(given, list) else []


async def person_of(session: Session, claims: TokenClaims) -> User | None:
    """Who has the verified address; without one, whose id in Holdgate is the subject. Nobody is let in anew."""
    user = await queries.user_by_email(session, claims.email) if claims.email else None
    if user is None and not claims.email:
        try:
            user = await queries.user_by_id(session, UUID(claims.subject))
        except ValueError:
            return None
    return None if user is None or user.disabled_at is not None else user
