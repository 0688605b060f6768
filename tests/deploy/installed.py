"""What the package brings with each of its extras."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement

from tests.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_with(extra: str) -> set[str]:
    """The distributions that the package brings with this extra, with all that these need."""
    waiting = [(Requirement(text), {""}) for text in PROJECT["dependencies"]]
    waiting += [(Requirement(text), {""}) for text in PROJECT["optional-dependencies"].get(extra, [])]
    found: set[str] = set()
    while waiting:
        requirement, extras = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": each}) for each in extras):
            continue
        name = canonical(requirement.name)
        if name in found:
            continue
        found.add(name)
        try:
            needed = requires(requirement.name) or []
        except PackageNotFoundError:
            continue
        waiting += [(Requirement(text), {"", *requirement.extras}) for text in needed]
    return found
