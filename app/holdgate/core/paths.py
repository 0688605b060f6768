"""Where the files beside the code are: at the top of a checkout, in `holdgate/files` once installed."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "files"

CHECKOUT = not _INSTALLED.is_dir()  # with the sandbox: the careers site and sample data
HOME = _PACKAGE.parents[1] if CHECKOUT else _INSTALLED
TEMPLATES = HOME / "templates"
STATIC = HOME / "static"
MIGRATIONS = HOME / "migrations"
SAMPLES = HOME / "docs" / "samples"
