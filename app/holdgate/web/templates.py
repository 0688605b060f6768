"""The Jinja environment of the pages."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from holdgate.core.text.visible import visible_html
from holdgate.web.assets import Assets
from holdgate.web.filters import FILTERS


class VisibleTemplate(Template):
    """A page as it leaves. Here and not at each value: a template that forgot one would be the one that deceives."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        return visible_html(super().render(*args, **kwargs))


def environment(directory: Path, assets: Assets, *, reload: bool = False) -> Environment:
    """Everything is escaped and shown (core/text/visible.py); a name that does not exist is an error.

    Args:
        reload: look for changed templates at each use (development).
    """
    made = Environment(
        loader=FileSystemLoader(directory),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=reload,
    )
    made.template_class = VisibleTemplate
    made.filters.update(FILTERS)
    made.globals["asset"] = assets.url
    return made
