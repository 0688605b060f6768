"""Signing in by a link in a mail. Asking answers the same for everybody; opening changes nothing; one POST signs in.

The browser that asked holds a secret (a cookie). It signs in at once; any other must type the code that the asking
browser shows, so that a link sent to somebody who never asked, or forwarded, lets nobody in.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from holdgate.accounts import queries
from holdgate.accounts.errors import LinkDead, MayNotSignIn
from holdgate.accounts.models import User
from holdgate.accounts.sign_in import queries as link_queries
from holdgate.accounts.sign_in.codes import code_of, typed
from holdgate.accounts.sign_in.queries import GUESSES, Mailed
from holdgate.core.db import Session, WriteSession
from holdgate.core.telemetry import log
from holdgate.core.text.addresses import canonical_address, checked_address
from holdgate.core.tokens import digest, mint
from holdgate.mail import service as mail

LETTER = "sign_in"
AT_ONCE = 200  # priority: a person is waiting in front of the screen

# Sign-in emails to one person within a day. A network they have signed in from before has its own allowance, so that
# strangers, however many, use up none of what a person needs at their usual places.
FROM_ONE_NETWORK = 10
FROM_STRANGE_NETWORKS = 30

logger = log.get(__name__)


class LinkState(StrEnum):
    READY = "ready"
    NEEDS_CODE = "needs-code"
    DEAD = "dead"


class SignedIn(msgspec.Struct, frozen=True):
    """`token` is the new session's cookie. It is stored nowhere but there."""

    token: str
    next_path: str
    email: str


class WrongCode(msgspec.Struct, frozen=True):
    """Counted and to be committed. `left`: how many guesses the link still takes."""

    left: int


async def ask_for_link(
    session: WriteSession,
    email: str,
    *,
    browser: str,
    next_path: str,
    signup: str,
    network: str = "",
    most_an_hour: int = 1000,
    now: datetime | None = None,
) -> None:
    """Mail a sign-in link to `email` if it may sign in. Whether it may cannot be told from outside.

    What anybody asks for takes nothing from a link that is on its way to somebody: each lives its fifteen minutes. The
    same browser gets no second one within a minute. When too many emails were asked for, no more are sent.

    Args:
        browser: the asking browser's secret.
        next_path: a local path.
        signup: the setting SIGNUP.
        network: where the request comes from.
        most_an_hour: the setting SIGN_IN_EMAILS_PER_HOUR.

    Raises:
        BadAddress: nobody could have that address.
    """
    address = checked_address(email)
    person = canonical_address(address)
    await link_queries.lock_person(session, person)
    if await link_queries.asked_just_now(session, address, digest(browser), now=now):
        return
    user = await queries.user_by_email(session, address)
    mailed = await link_queries.mailed_to(session, person, network, now=now)
    goes_out = _within_limits(mailed, most_an_hour) and may_sign_in(user, address, signup)
    link_id = await link_queries.insert_link(
        session,
        {
            "email": address,
            "browser_hash": digest(browser),
            "code_hash": digest(code_of(browser)),
            "next_path": next_path,
            "person": person,
            "network": network,
            "mailed": goes_out,
        },
        now=now,
    )
    if goes_out:
        await mail.send(
            session,
            template=LETTER,
            to=address,
            data={"link_id": str(link_id)},
            owner_id=user.id if user else None,
            title=f"Sign-in link to {address}",
            priority=AT_ONCE,
        )


def _within_limits(mailed: Mailed, most_an_hour: int) -> bool:
    strange = not mailed.known
    if mailed.from_here >= FROM_ONE_NETWORK or (strange and mailed.from_strange >= FROM_STRANGE_NETWORKS):
        logger.warning("sign_in_email_withheld", limit="of one person in a day")
        return False
    if strange and mailed.to_everybody >= most_an_hour:
        logger.warning("sign_in_email_withheld", limit="SIGN_IN_EMAILS_PER_HOUR")
        return False
    return True


def may_sign_in(user: User | None, email: str, signup: str) -> bool:
    """People who exist and are not disabled, and those whom SIGNUP lets in by themselves. `email` is canonical."""
    if user is not None:
        return user.disabled_at is None
    if signup.startswith("domain:"):
        return email.rpartition("@")[2] == signup.removeprefix("domain:")
    return signup == "open"


async def look_at_link(session: Session, token: str, browser: str, *, now: datetime | None = None) -> LinkState:
    """What a press on the button would need. Changes nothing, any number of times."""
    link = await link_queries.live_link(session, digest(token), now=now)
    if link is None:
        return LinkState.DEAD
    at_home = link.browser_hash is None or (browser != "" and link.browser_hash == digest(browser))
    return LinkState.READY if at_home else LinkState.NEEDS_CODE


async def use_link(
    session: WriteSession,
    token: str,
    *,
    browser: str,
    code: str,
    signup: str,
    old_session: str = "",
    address: str = "",
    user_agent: str = "",
    now: datetime | None = None,
) -> SignedIn | WrongCode:
    """Sign in with the link: a new session, whatever cookie the browser came with, which ends.

    Args:
        browser: this browser's secret if it is one that asked, else "".
        code: as typed, or "".

    Raises:
        LinkDead, MayNotSignIn
    """
    entered = typed(code)
    tried = await link_queries.try_link(
        session,
        digest(token),
        browser_hash=digest(browser) if browser else None,
        code_hash=digest(entered) if entered else None,
        now=now,
    )
    if tried is None:
        raise LinkDead
    if not tried.used:
        return WrongCode(GUESSES - tried.wrong_codes)
    user = await _arrive(session, tried.email, signup, now)
    if old_session:
        await queries.delete_session_by_token(session, digest(old_session))
    made = mint()
    await queries.insert_session(session, digest(made), user.id, address=address, user_agent=user_agent, now=now)
    return SignedIn(made, tried.next_path, user.email)


async def _arrive(session: WriteSession, email: str, signup: str, now: datetime | None) -> User:
    """The person who has proved that `email` is theirs; made now, where SIGNUP lets them."""
    user = await queries.note_sign_in(session, email, now=now)
    if not may_sign_in(user, email, signup):
        raise MayNotSignIn
    if user is None:
        await queries.insert_user(session, email)
        user = await queries.note_sign_in(session, email, now=now)
    assert user is not None
    return user


async def create_sign_in_link(
    session: WriteSession, email: str, base_url: str, *, lasts: timedelta = timedelta(hours=12), next_path: str = ""
) -> str:
    """A link for whoever starts the server (`holdgate dev`): single use, no mail, no code, any browser."""
    token = mint()
    await link_queries.insert_link(
        session,
        {
            "email": checked_address(email),
            "token_hash": digest(token),
            "browser_hash": None,
            "next_path": next_path or "/overview",
        },
        lasts=lasts,
    )
    return f"{base_url}/login/{token}"


async def sign_out(session: WriteSession, token: str) -> None:
    await queries.delete_session_by_token(session, digest(token))
