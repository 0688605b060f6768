"""Commands for kinds and single tasks."""

import json
from typing import TYPE_CHECKING

import click

from holdgate.cli.attached import given, servers
from holdgate.tasks.states import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from uuid import UUID

    from holdgate.core.config import Settings
    from holdgate.core.db import WriteSession
    from holdgate.tasks.models import Task


@click.command()
def kinds() -> None:
    """List the kinds of this project, or say which line of code keeps them from being loaded."""
    from holdgate.kinds import load_kinds
    from holdgate.tasks.kinds import all_kinds

    load_kinds(given().kinds)
    for kind in all_kinds():
        if not kind.handler.__module__.startswith("holdgate."):
            click.echo(f"{kind.name}  {kind.queue}  {kind.about}".rstrip())


@click.command()
@click.argument("kind")
@click.argument("payload", default="{}")
@click.option("--owner", metavar="EMAIL", help="Whose task it is. Default in development: the administrator.")
@click.option("--title", default="", help="What lists show in place of the kind.")
@click.option("--queue", help="Default: the kind's.")
@click.option("--priority", type=click.IntRange(0, 1000), default=DEFAULT_PRIORITY, show_default=True)
def enqueue(kind: str, payload: str, owner: str | None, title: str, queue: str | None, priority: int) -> None:
    """Enqueue a task of KIND with PAYLOAD, as JSON, and print its id, alone, on standard output."""
    import msgspec

    from holdgate.accounts import service as accounts
    from holdgate.core.errors import AppError
    from holdgate.development import DEVELOPER, in_transaction
    from holdgate.kinds import load_kinds
    from holdgate.tasks import service
    from holdgate.tasks.service import TaskRequest

    try:
        plain = msgspec.json.decode(payload)
    except msgspec.DecodeError as error:
        raise click.ClickException(f'The payload is no JSON: {error}. For example: \'{{"name": "Ann"}}\'') from None

    async def insert(session: "WriteSession") -> "UUID":
        person = await accounts.find_user_by_email(session, owner or DEVELOPER)
        if person is None and owner:
            raise AppError(f"Nobody here has the address {owner}. First: holdgate user add {owner}")
        request = TaskRequest(
            kind=kind,
            payload=plain,
            title=title,
            queue=queue,
            priority=priority,
            owner_id=person.id if person else None,
        )
        service.check_one(request)
        return await service.enqueue(session, request)

    with servers() as settings:
        load_kinds(settings.kinds)
        task_id = in_transaction(settings, insert)
    click.echo(task_id)


@click.command()
@click.argument("task_id", type=click.UUID)
@click.option("--pdb", is_flag=True, help="Stop in the debugger where the handler raises an error.")
@click.option("--retry", is_flag=True, help="Also if it is a dead letter or cancelled: retry it.")
def run(task_id: "UUID", pdb: bool, retry: bool) -> None:
    """Run one task in the foreground, with its stored steps, as a worker would. Exit status 1: it failed.

    Its timeout does not end it, so breakpoint() can stand in the handler. Ctrl-C gives it back to the queue.
    """
    import asyncio
    import sys
    import traceback

    from holdgate.core.db import Database
    from holdgate.core.telemetry import log
    from holdgate.core.text.source_line import source_line
    from holdgate.kinds import load_kinds
    from holdgate.runtime import foreground

    failed = False

    def watch(error: BaseException) -> None:
        nonlocal failed
        failed = True
        click.echo("".join(traceback.format_exception(error)), err=True)
        if place := source_line(error):
            click.echo(f"{type(error).__name__}: {error}\n{place}", err=True)
        if pdb:
            import pdb as debugger

            debugger.post_mortem(error.__traceback__)

    async def attempt(settings: "Settings") -> "Task":
        database = Database(settings.database_url, name="holdgate run", pooler=settings.database_pooler)
        try:
            return await foreground.run_one(database, settings, task_id, retry=retry, watch=watch)
        finally:
            await database.dispose()

    with servers() as settings:
        log.configure(json=False, level=settings.log_level)
        load_kinds(settings.kinds)
        task = asyncio.run(attempt(settings))
    click.echo(f"{task.kind} {task.id}: {task.state.replace('_', ' ')}" + (f". {task.reason}" if task.reason else ""))
    if task.result is not None:
        click.echo(json.dumps(task.result, ensure_ascii=False, indent=2))
    sys.exit(1 if failed else 0)
