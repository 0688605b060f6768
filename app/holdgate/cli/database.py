"""Commands that look after the database."""

import sys
from pathlib import Path

import click

from holdgate.cli.attached import given, servers
from holdgate.core.paths import CHECKOUT
from holdgate.core.revisions import LOCK_TIMEOUT, TIMEOUT


@click.command()
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
    help="Seconds in which it retries; then it ends with status 1 and names who is in the way.",
)
@click.option("--check", is_flag=True, help="Change nothing. Exit status 1: the schema is behind.")
@click.option("--plan", is_flag=True, help="Change nothing. List what would be done.")
def migrate(lock_timeout: float, timeout: float, check: bool, plan: bool) -> None:
    """Bring the database's schema to what this code needs.

    Run it before web servers and workers of a new release, and after a restore. Several at once wait for each other.
    """
    from holdgate import schema

    with servers() as settings:
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


@click.command()
def demo() -> None:
    """Give the development administrator sample postings and a profile. Only in a checkout."""
    if not CHECKOUT:
        raise click.ClickException("The sample data is part of a checkout of Holdgate, not of the installed package.")
    from holdgate.development import in_transaction, prepare

    with servers() as settings:
        link = in_transaction(settings, lambda session: prepare(session, settings))
    click.echo(f"Sample postings and a profile are there. Sign in (once): {link}")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Public keys, saved before.")
def verify(files: tuple[Path, ...], keys: Path | None) -> None:
    """Check receipts (FILES), or without any the whole database against its log. Exit status 1: something is wrong."""
    import asyncio

    from holdgate import verify as verification
    from holdgate.embedded.attach import attached

    if files:
        fine = verification.verify_files(files, verification.keys_of(attached(given()), keys), _say)
    else:
        with servers() as settings:
            fine = asyncio.run(verification.verify_database(settings, _say))
    sys.exit(0 if fine else 1)


def _say(line: str) -> None:
    """A receipt may come from anybody, and a terminal obeys more characters than a page."""
    from holdgate.core.text.visible import visible

    click.echo(visible(line))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON, for programs.")
@click.option("--send", metavar="ADDRESS", default="", help="Also send a test mail there.")
def doctor(as_json: bool, send: str) -> None:
    """Look at everything this needs, and say what to do. Exit status 0: all well, 1: warnings, 2: something fails."""
    import asyncio

    from holdgate.core.revisions import head
    from holdgate.core.telemetry import log
    from holdgate.doctor import examination
    from holdgate.kinds import load_kinds

    with servers() as settings:
        log.configure(json=True, level="error")
        load_kinds(settings.kinds)
        sys.exit(asyncio.run(examination.tell(settings, head(), click.echo, as_json=as_json, send_to=send)))
