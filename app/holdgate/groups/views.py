"""/admin/groups: administrators make groups and say who is in them."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery

from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.groups import queries, service
from holdgate.groups.errors import GroupExists, GroupNotFound
from holdgate.groups.names import PREFIX
from holdgate.groups.queries import GroupRow
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

HOME = "/admin/groups"
PAGE_SIZE = 100
Addresses = Annotated[str, msgspec.Meta(max_length=20_000)]


class NewGroupForm(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    description: Annotated[str, msgspec.Meta(max_length=service.LONGEST_DESCRIPTION)] = ""
    members: Addresses = ""


class DescriptionForm(msgspec.Struct):
    description: Annotated[str, msgspec.Meta(max_length=service.LONGEST_DESCRIPTION)] = ""


class MembersForm(msgspec.Struct):
    members: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class GroupsView(msgspec.Struct, frozen=True, kw_only=True):
    groups: list[GroupRow]
    form: Form[NewGroupForm]
    next_url: str | None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    row: GroupRow
    form: Form[MembersForm]
    recipient: str


@get("/", include_in_schema=False)
async def list_groups(request: WebRequest, read: Read, after: FromQuery[str] = "") -> Response[str]:
    return await _list(request, read, after=after.replace("\0", "")[:60])


@post("/", include_in_schema=False)
async def create_group(request: WebRequest, write: Write) -> Response[str]:
    form = await read_form(request, NewGroupForm)
    if form.data is None:
        return await _list(request, write, form=form)
    try:
        members = _addresses(form.data.members)
        name = await service.create_group(write, form.data.name, description=form.data.description, members=members)
    except GroupExists as problem:
        return await _list(request, write, form=form.refused(Invalid(str(problem), {"name": str(problem)})))
    except Invalid as problem:
        return await _list(request, write, form=form.refused(_of_members(problem)))
    return see_other(request, f"{HOME}/{name}", f"The group {name} has been created.")


@get("/{name:str}", include_in_schema=False)
async def show_group(request: WebRequest, read: Read, name: FromPath[str]) -> Response[str]:
    return await _detail(request, read, name)


@post("/{name:str}", include_in_schema=False)
async def describe_group(request: WebRequest, write: Write, name: FromPath[str]) -> Response[str]:
    form = await read_form(request, DescriptionForm)
    if form.data is None:
        raise Invalid("The description is too long.", dict(form.errors))
    await service.describe_group(write, name, form.data.description)
    return see_other(request, f"{HOME}/{name}", "Saved.")


@post("/{name:str}/members", include_in_schema=False)
async def add_members(request: WebRequest, write: Write, name: FromPath[str]) -> Response[str]:
    form = await read_form(request, MembersForm)
    if form.data is None:
        return await _detail(request, write, name, form)
    try:
        await service.add_members(write, name, _addresses(form.data.members))
    except Invalid as problem:
        return await _detail(request, write, name, form.refused(_of_members(problem)))
    return see_other(request, f"{HOME}/{name}", "Added. Open requests keep their approvers.")


@post("/{name:str}/members/remove", include_in_schema=False)
async def remove_member(request: WebRequest, write: Write, name: FromPath[str]) -> Response[str]:
    form = await read_form(request, MembersForm)
    if form.data is None:
        raise Invalid("Enter at least one email.", dict(form.errors))
    await service.remove_members(write, name, [form.data.members])
    said = f"{form.data.members} removed from the group. Open requests keep their approvers."
    return see_other(request, f"{HOME}/{name}", said)


@post("/{name:str}/delete", include_in_schema=False)
async def delete_group(request: WebRequest, write: Write, name: FromPath[str]) -> Response[str]:
    await service.delete_group(write, name)
    return see_other(request, HOME, f"The group {name} deleted. Open requests keep their approvers.")


async def _list(
    request: WebRequest, session: Session, *, after: str = "", form: Form[NewGroupForm] | None = None
) -> Response[str]:
    if form is not None:
        await discard(request)  # the group may have been made before a member was refused
    found = await queries.groups_page(session, after=after, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    view = GroupsView(
        groups=shown,
        form=form or blank(),
        next_url=f"{HOME}?after={shown[-1].group.name}" if len(found) > PAGE_SIZE else None,
    )
    return await render(request, "groups/list.html", view, nav="groups", status=422 if form else 200)


async def _detail(
    request: WebRequest, session: Session, name: str, form: Form[MembersForm] | None = None
) -> Response[str]:
    if form is not None:
        await discard(request)
    found = await queries.find_group(session, name)
    if found is None:
        raise GroupNotFound(name)
    view = GroupView(row=found, form=form or blank(), recipient=PREFIX + name)
    return await render(request, "groups/detail.html", view, nav="groups", status=422 if form else 200)


def _addresses(text: str) -> list[str]:
    """One a line, or apart by commas, semicolons and spaces, as they are copied from elsewhere."""
    return text.replace(",", " ").replace(";", " ").split()


def _of_members(problem: Invalid) -> Invalid:
    """An address that cannot be mailed stands in the field of the members."""
    fields = dict(problem.fields)
    if "email" in fields:
        fields["members"] = fields.pop("email")
    return Invalid(str(problem), fields)


router = Router(
    HOME,
    route_handlers=[
        list_groups,
        create_group,
        show_group,
        describe_group,
        add_members,
        remove_member,
        delete_group,
    ],
    guards=[admin_only],
)

handlers = [router]
