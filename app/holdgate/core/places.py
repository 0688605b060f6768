"""Where the files beside the code are: at the top of a checkout, in `app/files` once installed (pyproject.toml)."""

from pathlib import Path

_APP = Path(__file__).parents[1]
_INSTALLED = _APP / "files"

HOME = _INSTALLED if _INSTALLED.is_dir() else _APP.parent
TEMPLATES = HOME / "templates"
STATIC = HOME / "static"
MIGRATIONS = HOME / "migrations"
SAMPLES = HOME / "docs" / "samples"
