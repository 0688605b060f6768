"""Commands for groups of people."""

from typing import TYPE_CHECKING

import click

from holdgate.cli.attached import in_transaction

if TYPE_CHECKING:
    from holdgate.core.db import WriteSession


@click.group()
def group() -> None:
    """Groups of people to ask for approval, as group:NAME."""


@group.command("create")
@click.argument("name")
@click.argument("emails", nargs=-1)
@click.option("--description", default="", help="What it is for.")
def create_group(name: str, emails: tuple[str, ...], description: str) -> None:
    """Create the group NAME, with the people EMAILS in it."""
    from holdgate.groups import service
    from holdgate.groups.names import PREFIX

    made = in_transaction(lambda session: service.create_group(session, name, description=description, members=emails))
    click.echo(f"The group {made} has been created. Ask it as {PREFIX}{made}.")


@group.command("list")
def list_groups() -> None:
    """Print each group and who is in it, one line for each member, separated by tabs."""
    from holdgate.groups import queries

    async def read(session: "WriteSession") -> list[tuple[str, list[str]]]:
        found: list[tuple[str, list[str]]] = []
        while rows := await queries.groups_page(session, after=found[-1][0] if found else "", limit=200):
            found += [(row.group.name, row.members) for row in rows]
        return found

    for name, members in in_transaction(read):
        for email in members or [""]:
            click.echo(f"{name}\t{email}")


@group.command("add")
@click.argument("name")
@click.argument("emails", nargs=-1, required=True)
def add_members(name: str, emails: tuple[str, ...]) -> None:
    """Put the people EMAILS into the group NAME."""
    from holdgate.groups import service

    in_transaction(lambda session: service.add_members(session, name, emails))
    click.echo(f"Added to {name}.")


@group.command("remove")
@click.argument("name")
@click.argument("emails", nargs=-1, required=True)
def remove_members(name: str, emails: tuple[str, ...]) -> None:
    """Take the people EMAILS out of the group NAME. Open requests stay with those who were asked."""
    from holdgate.groups import service

    in_transaction(lambda session: service.remove_members(session, name, emails))
    click.echo(f"Removed from {name}.")


@group.command("delete")
@click.argument("name")
def delete_group(name: str) -> None:
    """Delete the group NAME. Open requests stay with those who were asked."""
    from holdgate.groups import service

    in_transaction(lambda session: service.delete_group(session, name))
    click.echo(f"The group {name} has been deleted.")
