"""The command `holdgate`: for those who develop, operate and administer it.

What a command needs is imported when it runs, so that `--help` and shell completion answer at once.
"""

import click

from holdgate.cli import ask, database, groups, people, processes, project, retention, tasks, tokens
from holdgate.load.command import load


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


for command in (
    project.init,
    processes.dev,
    tasks.kinds,
    tasks.enqueue,
    tasks.run,
    database.migrate,
    database.demo,
    database.verify,
    database.doctor,
    retention.retention,
    load,
    processes.web,
    processes.worker,
    people.user,
    tokens.token,
    groups.group,
    ask.ask,
    ask.mcp,
):
    main.add_command(command)
