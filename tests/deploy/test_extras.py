"""Each extra of the wheel is enough for what it is for: other packages are hidden, as if they were not there."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HIDE = """
import sys


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden())
"""
DEFINE = """
import holdgate


async def handler(ctx: holdgate.Context, payload: Payload) -> None: ...


for name in holdgate.__all__:
    if holdgate._HOMES[name] != "client":
        getattr(holdgate, name)
holdgate.kind("shop.pay")(handler)
"""
USES = {
    "kinds": "from dataclasses import dataclass\n\n@dataclass\nclass Payload:\n    order: str\n" + DEFINE,
    "client": "import holdgate, sys\nholdgate.Client('https://hold.example.org', 'token')\n"
    "holdgate.AsyncClient('https://hold.example.org', 'token'), holdgate.verify_webhook\n"
    "loaded = {name.partition('.')[0] for name in sys.modules}\n"
    "assert not loaded & {'pydantic', 'sqlalchemy', 'litestar', 'asyncpg'}, loaded",
    "": "from click.testing import CliRunner\nfrom holdgate.cli import main\n"
    "assert CliRunner().invoke(main, ['init', 'shop']).exit_code == 0",
}


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


@pytest.mark.parametrize("extra", USES)
def test_an_extra_is_enough_for_what_it_is_for(extra: str, tmp_path: Path) -> None:
    there = installed_with(extra) | {"holdgate"}
    hidden = {
        module
        for module, distributions in packages_distributions().items()
        if not there & {canonical(name) for name in distributions}
    }
    assert {"litestar", "arq", "redis", "alembic"} <= hidden
    assert ("sqlalchemy" in hidden) == (extra != "kinds")
    program = f"HIDDEN = {hidden!r}\n{HIDE}\n{USES[extra]}"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_whose_extra_is_missing_says_which() -> None:
    hidden = {"sqlalchemy", "httpx"}
    program = f"HIDDEN = {hidden!r}\n{HIDE}\nimport holdgate\n"
    for name, extra in (("Context", "kinds"), ("Client", "client")):
        done = subprocess.run([sys.executable, "-c", f"{program}holdgate.{name}"], capture_output=True, text=True)
        assert f"holdgate[{extra}]" in done.stderr
