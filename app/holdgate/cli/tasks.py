"""Commands for kinds."""

import click

from holdgate.cli.attached import given


@click.command()
def kinds() -> None:
    """List the kinds of this project, or say which line of code keeps them from being loaded."""
    from holdgate.kinds import load_kinds
    from holdgate.tasks.kinds import all_kinds

    load_kinds(given().kinds)
    for kind in all_kinds():
        if not kind.handler.__module__.startswith("holdgate."):
            click.echo(f"{kind.name}  {kind.queue}  {kind.about}".rstrip())
