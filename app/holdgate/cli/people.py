"""Commands for people."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from holdgate.cli.attached import in_transaction, servers
from holdgate.core.text.visible import visible

if TYPE_CHECKING:
    from uuid import UUID

    from holdgate.accounts.models import User
    from holdgate.core.config import Settings
    from holdgate.core.db import WriteSession
    from holdgate.personal_data.models import Erasure


@click.group()
def user() -> None:
    """People who may sign in."""


@user.command("add")
@click.argument("email")
@click.option("--admin", is_flag=True, help="May see and do everything.")
def add_user(email: str, admin: bool) -> None:
    """Let EMAIL sign in. Doing it again changes nothing but the role."""
    from holdgate.accounts import service as accounts

    async def add(session: "WriteSession") -> str:
        return (await accounts.add_user(session, email, admin=admin)).role

    click.echo(f"{email} may sign in as {in_transaction(add)}.")


@user.command("list")
def list_users() -> None:
    """Print each person, one a line, separated by tabs: address, role, state, last sign-in, name."""
    from holdgate.accounts import queries

    async def read(session: "WriteSession") -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        while found := await queries.users_page(session, search="", after=rows[-1][0] if rows else "", limit=200):
            for one in found:
                state = "erased" if one.erased_at else "disabled" if one.disabled_at else "active"
                last = f"{one.signed_in_at:%Y-%m-%d %H:%M} UTC" if one.signed_in_at else "never"
                rows.append((one.email, one.role, state, last, one.name))
        return rows

    for row in in_transaction(read):
        click.echo("\t".join(visible(cell) for cell in row))


@user.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Shut EMAIL out: sessions end, tokens and links are refused. Not the last administrator."""
    from holdgate.accounts import service as accounts

    in_transaction(lambda session: _act(session, email, accounts.disable))
    click.echo(f"{email} is signed out everywhere and cannot sign in any more.")


@user.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Let EMAIL in again."""
    from holdgate.accounts import service as accounts

    in_transaction(lambda session: _act(session, email, accounts.enable))
    click.echo(f"{email} can sign in again.")


@user.command("sign-in-link")
@click.argument("email")
def sign_in_link(email: str) -> None:
    """Print a link that signs EMAIL in, once, within 15 minutes: for when no mail arrives. The audit says so.

    Whoever has the link is EMAIL. Open it yourself, or pass it on by a way that nobody else reads.
    """
    from datetime import timedelta

    from holdgate import development
    from holdgate.accounts.sign_in.links import create_sign_in_link
    from holdgate.core.errors import AppError

    async def make(session: "WriteSession", base_url: str) -> str:
        person = await person_of(session, email)
        if person.disabled_at is not None:
            raise AppError(f"{email} is disabled. First: holdgate user enable {email}")
        return await create_sign_in_link(session, person.email, base_url, lasts=timedelta(minutes=15))

    with servers() as settings:
        link = development.in_transaction(settings, lambda session: make(session, settings.base_url))
    click.echo(link)


@user.command("export")
@click.argument("email")
@click.option("--mentions/--no-mentions", default=True, help="Also rows of others in which the address stands.")
def export_user(email: str, mentions: bool) -> None:
    """Print all that is stored about EMAIL, with or without an account, as JSON."""
    import asyncio

    from holdgate.core.db import Database
    from holdgate.personal_data.exporting import export_person, find_person

    async def write(settings: "Settings") -> None:
        database = Database(settings.database_url, name="holdgate cli", pooler=settings.database_pooler)
        try:
            async with database.read() as session:
                person = await find_person(session, email, mentions=mentions)
            async for piece in export_person(database, person):
                click.echo(piece, nl=False)
        finally:
            await database.dispose()

    with servers() as settings:
        asyncio.run(write(settings))


@user.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(email: str, yes: bool) -> None:
    """Erase EMAIL, with or without an account. Nothing undoes it. docs/personal-data.md says what is kept."""
    import asyncio

    from holdgate.core.db import Database
    from holdgate.personal_data import erasing

    if not yes:
        click.confirm(f"Erase {email} permanently?", abort=True, err=True)

    async def erase(settings: "Settings") -> "Erasure":
        database = Database(settings.database_url, name="holdgate cli", pooler=settings.database_pooler)
        try:
            async with database.write("system") as session:
                begun = await erasing.request_erasure(session, None, email)
            await erasing.erase_all(database, settings)
            async with database.read() as session:
                done = await erasing.find_erasure(session, begun.id)
            assert done is not None
            return done
        finally:
            await database.dispose()

    with servers() as settings:
        erasure = asyncio.run(erase(settings))
    if erasure.done_at is None:
        click.echo(f"{email} has no access any more. Tasks of theirs still run; a worker erases the rest after them.")
    else:
        rows = sum(erasure.changed.values())
        click.echo(f"Erased: {rows:,} rows deleted or changed. What is kept says {erasure.pseudonym}.")


async def person_of(session: "WriteSession", email: str) -> "User":
    from holdgate.accounts import service as accounts
    from holdgate.core.errors import AppError

    found = await accounts.find_user_by_email(session, email)
    if found is None:
        raise AppError(f"Nobody here has the address {email}. First: holdgate user add {email}")
    return found


async def _act(
    session: "WriteSession", email: str, act: Callable[["WriteSession", "UUID"], Awaitable["User"]]
) -> "User":
    return await act(session, (await person_of(session, email)).id)
