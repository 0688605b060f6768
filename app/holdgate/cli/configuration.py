"""The settings as they are, and completion for shells."""

import click

from holdgate.cli.attached import sources_given


@click.group()
def config() -> None:
    """The settings of this machine."""


@config.command("check")
def check() -> None:
    """List every setting, its value and where it comes from; secrets are not shown. Exit status 1: one is refused.

    No server is asked: holdgate doctor does that.
    """
    from holdgate.core.config import default_of, load, misspelt
    from holdgate.core.settings.table import SETTINGS

    environ, origin = sources_given()
    rows = []
    for setting in SETTINGS:
        given = environ.get(setting.name, "").strip()
        if given:
            shown = "(set)" if setting.type.secret else given
            rows.append((setting.name, shown, origin[setting.name]))
        else:
            default = default_of(setting)
            rows.append((setting.name, default or setting.unset.replace("`", "") or "-", "default"))
    width, wide = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, source in rows:
        click.echo(f"{name:<{width}}  {value:<{min(wide, 50)}}  {source}")
    for sentence in misspelt(environ):
        click.echo(f"Warning: {sentence}", err=True)
    load(environ)  # raises what is refused
    click.echo("All settings can be used.")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and options in your shell: eval "$(holdgate completion bash)"."""
    from click.shell_completion import get_completion_class

    from holdgate.cli import main

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(main, {}, "holdgate", "_HOLDGATE_COMPLETE").source())
