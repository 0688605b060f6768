"""Which files are generated, and by what."""

from pathlib import Path

from manual import commands, interface, lifecycles, modules
from manual.drawing import svg

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def made() -> dict[Path, str]:
    """Path → what stands in it."""
    reference, pictures = DOCS / "reference", DOCS / "pictures"
    return {
        reference / "cli.md": commands.page(),
        reference / "api.md": interface.page(),
        reference / "states.md": lifecycles.page(),
        reference / "modules.md": modules.page(ROOT / "app"),
        **{pictures / f"states-{name}.svg": svg(chart) for name, chart in lifecycles.CHARTS.items()},
        pictures / "modules.svg": modules.picture(ROOT / "app"),
    }
