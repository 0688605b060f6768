"""Groups for programs: their names for everybody, who is in them and changing them for administrators."""

from typing import Annotated

import msgspec
from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import ListPart, Paged, page
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.groups import queries, service
from holdgate.groups.errors import GroupNotFound
from holdgate.groups.queries import GroupRow
from holdgate.groups.service import LONGEST_DESCRIPTION, MOST_MEMBERS
from holdgate.tasks.schemas import Moment
from holdgate.web.http.request import WebRequest

TAG = "Groups"

Mailbox = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Members = Annotated[list[Mailbox], msgspec.Meta(max_length=MOST_MEMBERS)]
SomeMembers = Annotated[list[Mailbox], msgspec.Meta(min_length=1, max_length=MOST_MEMBERS)]
Description = Annotated[str, msgspec.Meta(max_length=LONGEST_DESCRIPTION)]


class ApproverGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of people: `group:security` among the recipients of an approval request asks its members. `members`:
    their addresses, for administrators; null for others."""

    name: str
    description: str
    size: int
    members: list[str] | None
    created_at: Moment


class ApproverGroupPage(ListPart, frozen=True, kw_only=True):
    items: list[ApproverGroup]


class ApproverGroupQuery(Paged, frozen=True, kw_only=True):
    """By name."""


class NewApproverGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    description: Description = ""
    members: Members = []


class GroupDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    description: Description


class ChangedMembers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses, with or without an account."""

    members: SomeMembers


class DeletedGroup(msgspec.Struct, frozen=True):
    name: str


@get("/groups", scope=Scope.TASKS_READ, tag=TAG, summary="List groups")
async def list_groups(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[ApproverGroupQuery]
) -> Response[ApproverGroupPage]:
    """Everybody may know whom they can ask; who is in a group is for administrators."""
    rows = await queries.groups_page(read, after=wanted.cursor.replace("\0", ""), limit=wanted.limit + 1)
    total = await queries.count_groups(read)
    return page(
        request, ApproverGroupPage, rows, wanted, lambda row: _item(row, user), lambda row: row.group.name, total
    )


@get("/groups/{group:str}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a group")
async def get_group(user: Principal, read: ReadSession, group: str) -> ApproverGroup:
    found = await queries.find_group(read, group)
    if found is None:
        raise GroupNotFound(group)
    return _item(found, user)


@post(
    "/groups",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Create a group",
    problems=(409,),
    example={"name": "security", "description": "Whoever knows the threat model", "members": ["ann@example.org"]},
)
async def create_group(session: WriteSession, by: Principal, wanted: NewApproverGroup) -> MutationReply[ApproverGroup]:
    """409 when there is one of this name."""
    name = await service.create_group(session, wanted.name, description=wanted.description, members=wanted.members)
    return MutationReply(await _kept(session, by, name), 201, f"{PATH}/groups/{name}")


@post(
    "/groups/{group:str}",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Change a group's description",
    example={"description": "Whoever knows the threat model"},
)
async def describe_group(session: WriteSession, by: Principal, wanted: GroupDescription, group: str) -> ApproverGroup:
    """Its name stays: it is in other people's code."""
    await service.describe_group(session, group, wanted.description)
    return await _kept(session, by, group)


@post(
    "/groups/{group:str}/members",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Add people to a group",
    example={"members": ["bob@example.org"]},
)
async def add_members(session: WriteSession, by: Principal, wanted: ChangedMembers, group: str) -> ApproverGroup:
    """Open requests stay with those who were asked."""
    await service.add_members(session, group, wanted.members)
    return await _kept(session, by, group)


@post(
    "/groups/{group:str}/members/remove",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Take people out of a group",
    example={"members": ["bob@example.org"]},
)
async def remove_members(session: WriteSession, by: Principal, wanted: ChangedMembers, group: str) -> ApproverGroup:
    """Open requests stay with those who were asked."""
    await service.remove_members(session, group, wanted.members)
    return await _kept(session, by, group)


@post("/groups/{group:str}/delete", scope=Scope.ADMIN, tag=TAG, summary="Delete a group")
async def delete_group(session: WriteSession, group: str) -> DeletedGroup:
    """Open requests stay with those who were asked; whoever asks it from then on gets an error that names it."""
    await service.delete_group(session, group)
    return DeletedGroup(group)


async def _kept(session: WriteSession, by: Principal, name: str) -> ApproverGroup:
    found = await queries.find_group(session, name)
    assert found is not None
    return _item(found, by)


def _item(row: GroupRow, by: Principal) -> ApproverGroup:
    return ApproverGroup(
        name=row.group.name,
        description=row.group.description,
        size=len(row.members),
        members=row.members if by.is_admin else None,
        created_at=row.group.created_at,
    )


handlers = [list_groups, get_group, create_group, describe_group, add_members, remove_members, delete_group]
