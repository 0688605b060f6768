"""Whether somebody can be asked, and may decide: whom an id stands for, who is disabled and who is away."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec
from sqlalchemy import ScalarSelect, func, select

from holdgate.accounts.availability import queries
from holdgate.accounts.models import User
from holdgate.accounts.service import is_disabled
from holdgate.core.db import Session
from holdgate.core.text.addresses import canonical_address


class KnownPeople(msgspec.Struct, frozen=True):
    """What is known now of some addresses, in small letters, and of the person with the id, `owner` is their address.

    `away`: who is, and whom they named in their place.
    """

    owner: str | None = None
    looked_up: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    away: Mapping[str, str | None] = {}


async def look_up(session: Session, emails: Iterable[str], *, owner_id: UUID | None = None) -> KnownPeople:
    """By one statement."""
    given = {email.lower() for email in emails}
    if not given and owner_id is None:
        return KnownPeople()
    rows = await queries.people_now(session, given | {*map(canonical_address, given)}, owner_id)
    owner = next((row.email for row in rows if row.id == owner_id), None)
    if owner is not None:
        given.add(owner.lower())
    known = {row.email.lower(): row.disabled for row in rows}
    return KnownPeople(
        owner,
        frozenset(given),
        frozenset(email for email in given if is_disabled(email, known)),
        {row.email.lower(): row.substitute for row in rows if row.away and row.email.lower() in given},
    )


def access_of(email: str) -> ScalarSelect[dict[str, bool] | None]:
    """What `is_disabled` must know of an address, for whoever reads more of the person by the same statement. Nobody is
    disabled or enabled between this and the end of the transaction."""
    given = {email.lower(), canonical_address(email)}
    address = func.lower(User.email)
    disabled = User.disabled_at.is_not(None).label("disabled")
    found = (
        select(address.label("email"), disabled).where(address.in_(sorted(given))).with_for_update(read=True).subquery()
    )
    return select(func.json_object_agg(found.c.email, found.c.disabled)).scalar_subquery()
