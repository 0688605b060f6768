"""The command `holdgate`: for those who develop, operate and administer it.

What a command needs is imported when it runs, so that `--help` and shell completion answer at once.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdgate.core.migration_limits import LOCK_TIMEOUT, TIMEOUT
from holdgate.core.paths import CHECKOUT
from holdgate.core.scopes import Scope
from holdgate.load.command import load as load_command

if TYPE_CHECKING:
    from holdgate.core.config import Settings
    from holdgate.core.db import WriteSession


class CommandGroup(click.Group):
    """Turns expected refusals into one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not _expected(error):
                raise
            raise click.ClickException(str(error)) from error


def _expected(error: Exception) -> bool:
    from holdgate.core.config import ConfigError
    from holdgate.core.errors import AppError
    from holdgate.embedded import EmbeddedServerError

    return isinstance(error, (ConfigError, EmbeddedServerError, AppError))


@click.group(cls=CommandGroup)
@click.version_option(package_name="holdgate", prog_name="holdgate", message="%(prog)s %(version)s")
def main() -> None:
    """Holdgate: a task queue with hold points, where people sign off on what machines do."""


@main.command()
def dev() -> None:
    """Set up and start everything on this machine: servers, migrations, web, worker, careers site, sample data."""
    from holdgate import development

    development.run(os.environ)


@main.command()
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0.1, 60),
    default=LOCK_TIMEOUT,
    show_default=True,
    help="Seconds after which it gives way to those who hold a lock, instead of keeping everybody waiting.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=TIMEOUT,
    show_default=True,
    help="Seconds in which it tries again; then it ends with status 1 and names who is in the way.",
)
@click.option("--check", is_flag=True, help="Change nothing. Exit status 1: the schema is behind.")
@click.option("--plan", is_flag=True, help="Change nothing. List what would be done.")
def migrate(lock_timeout: float, timeout: float, check: bool, plan: bool) -> None:
    """Bring the database's schema to what this code needs.

    Run it before web servers and workers of a new release, and after a restore. Several at once wait for each other.
    """
    from holdgate import schema

    with _servers() as settings:
        url, pooler = settings.database_url, settings.database_pooler
        if plan:
            for revision, brings in schema.pending(schema.current(url, pooler=pooler)):
                click.echo(f"{revision}  {brings}")
            return
        if not check:
            schema.migrate(url, lock_timeout=lock_timeout, timeout=timeout, say=click.echo, pooler=pooler)
        at, needed = schema.current(url, pooler=pooler), schema.head()
    if at == needed:
        click.echo(f"The schema is at {at}, which this release needs.")
    elif at is not None and at > needed:
        click.echo(f"The schema is at {at}, newer than this release needs ({needed}).")
    else:
        click.echo(f"The schema is at {at or 'nothing'}, this release needs {needed}. Run holdgate migrate.")
        sys.exit(1)


@main.command()
def demo() -> None:
    """Give the development administrator sample postings and a profile. Only in a checkout."""
    if not CHECKOUT:
        raise click.ClickException("The sample data is part of a checkout of Holdgate, not of the installed package.")
    from holdgate.development import in_transaction, prepare

    with _servers() as settings:
        link = in_transaction(settings, lambda session: prepare(session, settings))
    click.echo(f"Sample postings and a profile are there. Sign in (once): {link}")


@main.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Public keys, saved before.")
def verify(files: tuple[Path, ...], keys: Path | None) -> None:
    """Check receipts (FILES), or without any the whole database against its log. Exit status 1: something is wrong."""
    import asyncio

    from holdgate import verify as verification
    from holdgate.core.config import load
    from holdgate.embedded.attach import attached

    if files:
        given = load(os.environ)
        fine = verification.verify_files(files, verification.keys_of(attached(given), keys), _say)
    else:
        with _servers() as settings:
            fine = asyncio.run(verification.verify_database(settings, _say))
    sys.exit(0 if fine else 1)


def _say(line: str) -> None:
    """A receipt may come from anybody, and a terminal obeys more characters than a page."""
    from holdgate.core.text.visible import visible

    click.echo(visible(line))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON, for programs.")
@click.option("--send", metavar="ADDRESS", default="", help="Also send a test mail there.")
def doctor(as_json: bool, send: str) -> None:
    """Look at everything this needs, and say what to do. Exit status 0: all well, 1: warnings, 2: something fails."""
    import asyncio

    from holdgate.core.telemetry import log
    from holdgate.doctor import examination
    from holdgate.schema import head

    with _servers() as settings:
        log.configure(json=True, level="error")
        sys.exit(asyncio.run(examination.tell(settings, head(), click.echo, as_json=as_json, send_to=send)))


main.add_command(load_command)


@main.command()
@click.option("--host", help="The address it listens on. Default: 0.0.0.0 in production, else 127.0.0.1.")
def web(host: str | None) -> None:
    """Run a web server process on PORT."""
    import uvicorn

    from holdgate.core.config import load
    from holdgate.web.http.connection import MAX_CONNECTIONS, HttpConnection

    settings = load(os.environ)
    # When all is done, uvicorn raises the signal that stopped it once more. Whoever stops it expects a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "holdgate.asgi:create",
        factory=True,
        app_dir=".",  # kinds of one's own, as arq finds them
        # What has not been told to be in production trusts whoever reaches it too much for a network.
        host=host or ("127.0.0.1" if settings.development else "0.0.0.0"),  # noqa: S104
        port=settings.port,
        http=HttpConnection,
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=False,
        server_header=False,
        # An open stream of /events would never let it end by itself.
        timeout_graceful_shutdown=3,
        # `holdgate dev` tells where it runs.
        log_level="warning" if settings.development else "info",
    )


@main.command()
def worker() -> None:
    """Run a worker process (the same as `arq holdgate.worker.WorkerSettings`)."""
    from holdgate.core.config import load

    load(os.environ)
    os.execv(sys.executable, [sys.executable, "-m", "arq", "holdgate.worker.WorkerSettings"])  # noqa: S606


@main.group()
def user() -> None:
    """People who may sign in."""


@user.command("add")
@click.argument("email")
@click.option("--admin", is_flag=True, help="May see and do everything.")
def add_user(email: str, admin: bool) -> None:
    """Let EMAIL sign in. Doing it again changes nothing but the role."""
    from holdgate.accounts import service as accounts
    from holdgate.development import in_transaction

    async def add(session: "WriteSession") -> str:
        return (await accounts.add_user(session, email, admin=admin)).role

    with _servers() as settings:
        role = in_transaction(settings, add)
    click.echo(f"{email} may sign in as {role}.")


@main.group()
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
@click.option("--days", type=click.IntRange(1, 3650), help="When it expires; never, if left out.")
def create_token(email: str, scopes: tuple[str, ...], name: str, days: int | None) -> None:
    """Make a token for EMAIL and print it, alone, on standard output. Without --scope: everything but admin."""
    from datetime import timedelta

    import holdgate.kinds.email_send  # noqa: F401  (its person is told by email)
    from holdgate.accounts import service as accounts
    from holdgate.accounts.tokens import personal
    from holdgate.core.errors import AppError
    from holdgate.development import in_transaction

    async def make(session: "WriteSession") -> str:
        person = await accounts.find_user_by_email(session, email)
        if person is None:
            raise AppError(f"Nobody here has the address {email}. First: holdgate user add {email}")
        wanted = [Scope(scope) for scope in scopes] or personal.USUAL
        lasts = timedelta(days=days) if days else None
        return await personal.create_token(session, person.id, name=name, scopes=wanted, lasts=lasts)

    with _servers() as settings:
        made = in_transaction(settings, make)
    click.echo(made)


@contextmanager
def _servers() -> "Iterator[Settings]":
    """The settings, with embedded servers started for the time of the command when they do not run."""
    from holdgate.core.config import load
    from holdgate.embedded import postgres, valkey
    from holdgate.embedded.attach import attached

    given = load(os.environ)
    ran = postgres.running(given.data_dir), valkey.running(given.data_dir)
    try:
        yield attached(given, start=True)
    finally:
        if not ran[0] and not given.database_url:
            postgres.stop(given.data_dir)
        if not ran[1] and not given.redis_url:
            valkey.stop(given.data_dir)


if __name__ == "__main__":
    main()
