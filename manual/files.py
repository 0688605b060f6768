"""Which files are generated, and by what."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from manual import commands, filters, interface, lifecycles, modules, python, schema, settings
from manual.drawing import svg

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def made() -> dict[Path, Callable[[], str]]:
    """Path → what makes what stands in it."""
    reference, pictures = DOCS / "reference", DOCS / "pictures"
    return {
        ROOT / ".env.example": settings.example,
        DOCS / "settings.md": partial(settings.page, DOCS / "settings.md"),
        reference / "cli.md": commands.page,
        reference / "api.md": interface.page,
        reference / "filters.md": filters.page,
        reference / "python.md": python.page,
        reference / "schema.sql": schema.page,
        reference / "states.md": lifecycles.page,
        reference / "modules.md": partial(modules.page, ROOT / "app" / "holdgate"),
        **{pictures / f"states-{name}.svg": partial(svg, chart) for name, chart in lifecycles.CHARTS.items()},
        pictures / "modules.svg": partial(modules.picture, ROOT / "app" / "holdgate"),
    }
