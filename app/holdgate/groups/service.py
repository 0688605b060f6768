"""Groups: making them, who is in them, and whom a name stands for when somebody asks."""

import re
from collections.abc import Collection, Iterable, Sequence

from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.text.addresses import checked_address
from holdgate.groups import queries
from holdgate.groups.errors import BadGroupName, FullGroup, GroupExists, GroupNotFound

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,48}[a-z0-9])?")
MOST_MEMBERS = 200
LONGEST_DESCRIPTION = 500


async def create_group(session: WriteSession, name: str, *, description: str = "", members: Iterable[str] = ()) -> str:
    """Returns its name as it is kept. Raises BadGroupName, GroupExists, BadAddress, FullGroup, Invalid."""
    kept = name.strip().lower()
    if not NAME.fullmatch(kept):
        raise BadGroupName
    if not await queries.insert_group(session, kept, _description(description)):
        raise GroupExists(kept)
    await add_members(session, kept, members)
    return kept


async def describe_group(session: WriteSession, name: str, description: str) -> None:
    """Raises GroupNotFound, Invalid."""
    if not await queries.set_description(session, name, _description(description)):
        raise GroupNotFound(name)


async def delete_group(session: WriteSession, name: str) -> None:
    """Open requests go on with those who were asked. Raises GroupNotFound."""
    if not await queries.delete_group(session, name):
        raise GroupNotFound(name)


async def add_members(session: WriteSession, name: str, emails: Iterable[str]) -> None:
    """Raises GroupNotFound, BadAddress, FullGroup: then nobody was added."""
    addresses = list(dict.fromkeys(checked_address(email) for email in emails))
    if not await queries.lock_group(session, name):
        raise GroupNotFound(name)
    if len(addresses) > MOST_MEMBERS:
        raise FullGroup(name, MOST_MEMBERS)
    await queries.insert_members(session, name, addresses)
    if await queries.count_members(session, name) > MOST_MEMBERS:
        raise FullGroup(name, MOST_MEMBERS)


async def remove_members(session: WriteSession, name: str, emails: Iterable[str]) -> None:
    """Whoever is not in it is no mistake. Raises GroupNotFound, BadAddress."""
    addresses = [checked_address(email) for email in emails]
    if not await queries.lock_group(session, name):
        raise GroupNotFound(name)
    await queries.delete_members(session, name, addresses)


async def members_of(session: Session, names: Sequence[str]) -> dict[str, list[str]]:
    """Group → addresses of its members, of many groups at once, for whoever asks them. Raises GroupNotFound."""
    if not names:
        return {}
    found = await queries.members_of(session, names)
    for name in names:
        if name not in found:
            raise GroupNotFound(name)
    return found


async def unknown_among(session: Session, names: Collection[str]) -> dict[str, GroupNotFound]:
    """Name → refusal, of those that are no group's."""
    known = await queries.members_of(session, list(names)) if names else ()
    return {name: GroupNotFound(name) for name in names if name not in known}


def _description(text: str) -> str:
    shown = " ".join(text.split())
    if len(shown) > LONGEST_DESCRIPTION or "\0" in shown:
        sentence = f"At most {LONGEST_DESCRIPTION} characters of plain text."
        raise Invalid(sentence, {"description": sentence})
    return shown
