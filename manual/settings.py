"""The tables of docs/settings.md between their marks, and .env.example, both from the table of settings."""

import re
import textwrap
from itertools import groupby
from pathlib import Path

from holdgate.core.config import default_of
from holdgate.core.settings.setting import Setting
from holdgate.core.settings.table import SETTINGS
from manual.tables import table

BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->\n"
HEAD = """\
# Every setting, with its default. All are optional in development; those marked * must be set when
# ENVIRONMENT=production. docs/settings.md explains them. Written by `make reference`.
"""


def page(path: Path) -> str:
    """The page with its tables made anew; its prose is written by hand."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [
        f"## {group}\n\n" + table(("variable", "default", "meaning"), map(_row, settings))
        for group, settings in groupby(SETTINGS, lambda each: each.group)
    ]
    return before + BEGIN + "\n" + "".join(parts) + END + after


def _row(setting: Setting) -> tuple[str, str, str]:
    default = default_of(setting)
    name = f"`{setting.name}`" + (" *" if setting.required else "")
    return name, setting.unset or (f"`{default}`" if default else ""), setting.about


def example() -> str:
    parts = [HEAD]
    for group, settings in groupby(SETTINGS, lambda each: each.group):
        parts.append(f"\n## {group}\n")
        for setting in settings:
            about = ("* " if setting.required else "") + _plain(setting.about)
            parts += [f"# {line}\n" for line in textwrap.wrap(about, 110)]
            parts.append(f"{setting.name}={setting.example or default_of(setting)}\n")
    return "".join(parts)


def _plain(markdown: str) -> str:
    """Without code marks, links' addresses, and what only refers to a page."""
    text = re.sub(r" \(\[[^\]]*\]\([^)]*\)\)", "", markdown)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "")
