"""Statements about groups, one function each."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from holdgate.core.db import Session, WriteSession
from holdgate.core.paging import count_rows
from holdgate.groups.models import Group, GroupMember


class GroupRow(NamedTuple):
    group: Group
    members: list[str]  # addresses, in order


async def groups_page(session: Session, *, after: str = "", limit: int) -> list[GroupRow]:
    """By name, those after the name `after`."""
    statement = select(Group).where(Group.name > after).order_by(Group.name).limit(limit)
    found = (await session.execute(statement)).scalars().all()
    members = await members_of(session, [group.name for group in found])
    return [GroupRow(group, members.get(group.name, [])) for group in found]


async def count_groups(session: Session) -> int | None:
    """None: too many to count."""
    return await count_rows(session, select(Group))


async def find_group(session: Session, name: str) -> GroupRow | None:
    group = await session.get(Group, name, populate_existing=True)
    return None if group is None else GroupRow(group, (await members_of(session, [name])).get(name, []))


async def lock_group(session: WriteSession, name: str) -> bool:
    """One change of its members at a time. False: there is none."""
    found = await session.execute(select(Group.name).where(Group.name == name).with_for_update())
    return found.first() is not None


async def members_of(session: Session, names: Sequence[str]) -> dict[str, list[str]]:
    """Group → its members' addresses, in order; a group that is not there is left out."""
    found: dict[str, list[str]] = {}
    rows = await session.execute(
        select(Group.name, GroupMember.email)
        .outerjoin(GroupMember, GroupMember.group_name == Group.name)
        .where(Group.name.in_(names))
        .order_by(Group.name, GroupMember.email)
    )
    for name, email in rows:
        found.setdefault(name, []).extend([email] if email else [])
    return found


async def count_members(session: Session, name: str) -> int:
    counted = select(func.count()).select_from(GroupMember).where(GroupMember.group_name == name)
    return (await session.execute(counted)).scalar_one()


async def insert_group(session: WriteSession, name: str, description: str) -> bool:
    """False: there is one of this name."""
    made = await session.execute(
        upsert(Group).values(name=name, description=description).on_conflict_do_nothing().returning(Group.name)
    )
    return made.first() is not None


async def set_description(session: WriteSession, name: str, description: str) -> bool:
    statement = update(Group).where(Group.name == name).values(description=description).returning(Group.name)
    changed = await session.execute(statement.execution_options(synchronize_session=False))
    return changed.first() is not None


async def delete_group(session: WriteSession, name: str) -> bool:
    return (await session.execute(delete(Group).where(Group.name == name).returning(Group.name))).first() is not None


async def insert_members(session: WriteSession, name: str, emails: Sequence[str]) -> None:
    """Those who are in it already stay so."""
    if emails:
        rows = [{"group_name": name, "email": email} for email in emails]
        await session.execute(upsert(GroupMember).values(rows).on_conflict_do_nothing())


async def delete_members(session: WriteSession, name: str, emails: Sequence[str]) -> None:
    await session.execute(delete(GroupMember).where(GroupMember.group_name == name, GroupMember.email.in_(emails)))
