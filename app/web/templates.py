"""The Jinja environment of the pages."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import Assets
from app.web.filters import FILTERS


def environment(directory: Path, assets: Assets, *, reload: bool = False) -> Environment:
    """Everything is escaped; a name that does not exist is an error.

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
    made.filters.update(FILTERS)
    made.globals["asset"] = assets.url
    return made
