"""The command `holdgate`: for those who develop, operate and administer it.

What a command needs is imported when it runs, so that `--help` and shell completion answer at once.
"""

import click

from holdgate.cli import ask, configuration, database, groups, people, processes, project, retention, tasks, tokens
from holdgate.load.command import load


class CommandGroup(click.Group):
    """Turns what a person can cause into one sentence on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):  # --help is one of these
            raise
        except Exception as error:
            from holdgate.cli.refusals import sentence

            if (told := sentence(error)) is None:
                raise
            raise click.ClickException(told) from error


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
    configuration.config,
    configuration.completion,
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
