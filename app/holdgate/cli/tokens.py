"""Commands for the tokens of programs."""

from typing import TYPE_CHECKING

import click

from holdgate.cli.attached import in_transaction
from holdgate.cli.people import person_of
from holdgate.core.scopes import Scope

if TYPE_CHECKING:
    from holdgate.core.db import WriteSession


@click.group()
def token() -> None:
    """Tokens with which programs use the API."""


@token.command("create")
@click.argument("email")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="May be given several times.",
)
@click.option("--name", default="command line", show_default=True, help="What its owner sees it by in the settings.")
@click.option("--days", type=click.IntRange(1, 3650), help="When it expires; never by default.")
def create_token(email: str, scopes: tuple[str, ...], name: str, days: int | None) -> None:
    """Make a token for EMAIL and print it, alone, on standard output. Without --scope:
    tasks:read, tasks:write and approvals:decide."""
    from datetime import timedelta

    import holdgate.kinds.email_send  # noqa: F401  (its person is told by email)
    from holdgate.accounts.tokens import personal

    async def make(session: "WriteSession") -> str:
        person = await person_of(session, email)
        wanted = [Scope(scope) for scope in scopes] or personal.USUAL
        lasts = timedelta(days=days) if days else None
        return await personal.create_token(session, person.id, name=name, scopes=wanted, lasts=lasts)

    click.echo(in_transaction(make))


@token.command("trust")
@click.argument("prefix")
@click.option("--stop", is_flag=True, help="Links become text again.")
def trust_token(prefix: str, stop: bool) -> None:
    """Trust the program whose token begins with PREFIX: people can follow links in what it asks."""
    from holdgate.accounts.tokens import personal
    from holdgate.core.errors import AppError

    async def trust(session: "WriteSession") -> personal.AskingToken:
        found = await personal.asking_tokens(session, prefix) if prefix else []
        if len(found) != 1:
            many = "Several tokens begin" if found else "No token that may ask people begins"
            raise AppError(f"{many} with {prefix[: personal.SHOWN]}. “Ask from a program” in the settings lists them.")
        await personal.trust_token(session, None, found[0].id, trusted=not stop)
        return found[0]

    done = in_transaction(trust)
    said = "are text again" if stop else "can be followed now"
    click.echo(f"Links in what “{done.name}” of {done.owner} asks {said}.")
