"""The first steps of somebody new, and which of them are done."""

import msgspec

from holdgate.accounts import service as accounts
from holdgate.accounts.profile.profiles import load_profile
from holdgate.core.db import Session
from holdgate.core.principal import Principal


class FirstStep(msgspec.Struct, frozen=True):
    title: str
    done: bool
    href: str


async def first_steps(session: Session, by: Principal) -> list[FirstStep]:
    """In the order in which they help."""
    profile = await load_profile(session, by.id)
    steps = [
        FirstStep("Complete your profile", bool(profile and profile.name and profile.resume_bytes), "/settings"),
        FirstStep("Create an API token", await accounts.has_token(session, by.id), "/settings/tokens"),
    ]
    if by.is_admin:
        steps.append(FirstStep("Invite a user", await accounts.count_users(session) > 1, "/admin/users"))
    return steps
