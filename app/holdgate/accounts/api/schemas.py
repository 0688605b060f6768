"""People, and your account, as programs read and write them."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from holdgate.accounts.models import ApiToken, User, UserSession
from holdgate.accounts.profile.cover_letter import LONGEST
from holdgate.accounts.profile.profiles import (
    LONGEST_ANSWER,
    LONGEST_LINK,
    LONGEST_QUESTION,
    MOST_ANSWERS,
    MOST_LETTERS,
    MOST_LINKS,
    ProfileView,
)
from holdgate.accounts.sign_in.user_agents import browser_name
from holdgate.api.paging import ListPart, Paged
from holdgate.tasks.schemas import Moment

RoleName = Literal["member", "admin"]
Mailbox = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Question = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_QUESTION)]
Answer = Annotated[str, msgspec.Meta(max_length=LONGEST_ANSWER)]


class UserItem(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `disabled_at`: since when they are shut out."""

    id: UUID
    email: str
    name: str
    role: RoleName
    created_at: Moment
    signed_in_at: Moment | None
    disabled_at: Moment | None


class UserPage(ListPart, frozen=True, kw_only=True):
    items: list[UserItem]


class UserQuery(Paged, frozen=True, kw_only=True):
    """By address."""

    q: Annotated[str, msgspec.Meta(max_length=254, description="Part of the address or the name.")] = ""


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may sign in. `invite`: send an invitation email."""

    email: Mailbox
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    role: RoleName = "member"
    invite: bool = False


class RoleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: RoleName


class AccountItem(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token this is, and their settings. `time_zone`: null is as their browser says."""

    id: UUID
    email: str
    name: str
    role: RoleName
    time_zone: str | None
    run_notices: bool
    shortcuts: bool


class AccountChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays. `run_notices`: a mail when a run has finished. `shortcuts`: single keys on pages."""

    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | UnsetType | None = UNSET
    run_notices: bool | UnsetType = UNSET
    shortcuts: bool | UnsetType = UNSET


LetterName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Letter = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class ProfileItem(msgspec.Struct, frozen=True, kw_only=True):
    """What applications are made from. `answers`: question → standing answer; `letters`: name → a letter template.
    Résumés have addresses of their own; the one here is the usual one."""

    name: str
    first_name: str
    last_name: str
    email: str
    phone: str
    links: list[str]
    cover_letter: str
    letters: dict[str, str]
    answers: dict[str, str]
    resume_name: str
    resume_type: str
    resume_bytes: int
    updated_at: Moment | None


class NewProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The profile whole, but for the résumé, which stays."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    email: Mailbox
    first_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    last_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    phone: Annotated[str, msgspec.Meta(max_length=50)] = ""
    links: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=LONGEST_LINK)]], msgspec.Meta(max_length=MOST_LINKS)
    ] = []
    cover_letter: Annotated[str, msgspec.Meta(max_length=LONGEST)] = ""
    letters: Annotated[dict[LetterName, Letter], msgspec.Meta(max_length=MOST_LETTERS)] = {}
    answers: Annotated[dict[Question, Answer], msgspec.Meta(max_length=MOST_ANSWERS)] = {}


class TokenItem(msgspec.Struct, frozen=True, kw_only=True):
    """A token by its beginning: the whole is nowhere."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None
    used_at: Moment | None


class TokenList(msgspec.Struct, frozen=True):
    items: list[TokenItem]


class SessionItem(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which one is signed in."""

    id: UUID
    browser: str
    address: str
    created_at: Moment
    seen_at: Moment
    expires_at: Moment


class SessionList(msgspec.Struct, frozen=True):
    items: list[SessionItem]


class Revoked(msgspec.Struct, frozen=True):
    id: UUID


class Revoking(msgspec.Struct, frozen=True, kw_only=True):
    """`pause`: the schedules and webhooks that the token made, or changed last, are paused as well."""

    pause: bool = False


class TokenUse(msgspec.Struct, frozen=True):
    """A `schedule` or a `webhook`; `url` is its page."""

    what: str
    name: str
    url: str


class RevokedToken(msgspec.Struct, frozen=True):
    """`goes_on`: what the token made and what does not end with it."""

    id: UUID
    goes_on: list[TokenUse]


class SignedOut(msgspec.Struct, frozen=True):
    """In how many browsers."""

    ended: int


def user_item(user: User) -> UserItem:
    return msgspec.convert(user, UserItem, from_attributes=True)


def account_item(user: User) -> AccountItem:
    return msgspec.convert(user, AccountItem, from_attributes=True)


def profile_item(view: ProfileView) -> ProfileItem:
    return msgspec.convert(view, ProfileItem, from_attributes=True)


def token_item(token: ApiToken) -> TokenItem:
    return msgspec.convert(token, TokenItem, from_attributes=True)


def session_item(row: UserSession) -> SessionItem:
    return SessionItem(
        id=row.id,
        browser=browser_name(row.user_agent),
        address=row.address,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
    )
