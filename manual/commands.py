"""The page of the commands, from what click knows of them."""

from collections.abc import Iterator
from inspect import cleandoc

import click

from holdgate.cli import main
from manual.tables import table

BARE = "\b"
HEAD = """# Commands

`holdgate` is installed with the package; in a clone it is `.venv/bin/holdgate`. Every command takes the
[settings](../settings.md) from the environment, finds the embedded servers of its `DATA_DIR`, running or not, and ends
with a sentence and status 1 when it is refused. This page is generated (`make reference`); `holdgate COMMAND --help`
says the same.

"""


def page() -> str:
    return (HEAD + "".join(_section(name, command) for name, command in _commands("holdgate", main))).rstrip() + "\n"


def _commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for each in sorted(command.commands):
        yield from _commands(f"{name} {each}", command.commands[each])


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    rows = [(f"`{_spelling(option)}`", _meaning(option)) for option in options]
    about = "\n\n".join(_paragraph(part) for part in cleandoc(command.help or "").split("\n\n"))
    return f"## {name}\n\n`{usage}`\n\n{about}\n\n" + (table(("option", "meaning"), rows) if rows else "")


def _paragraph(text: str) -> str:
    """Click leaves alone what begins with \\b: lines that stand as they are."""
    if text.startswith(BARE):
        return f"```text\n{text.removeprefix(BARE).strip()}\n```"
    return " ".join(text.split())


def _spelling(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or _kind(option)}"
    return " / ".join([*option.opts, *option.secondary_opts]) + value


def _kind(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    if isinstance(option.type, click.IntRange) and option.type.min is not None and option.type.max is not None:
        return f"{option.type.min}–{option.type.max}"
    return "NUMBER" if isinstance(option.type, click.FloatRange) else option.type.name.upper()


def _meaning(option: click.Option) -> str:
    default = f" Default: `{option.default}`." if option.show_default and option.default is not None else ""
    return f"{option.help or ''}{default}{' May be repeated.' if option.multiple else ''}".strip()
