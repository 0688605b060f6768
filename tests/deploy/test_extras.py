"""Each extra of the wheel is enough for what it is for: other packages are hidden, as if they were not there."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import holdgate
from tests.deploy.installed import canonical, installed_with

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


def test_what_needs_an_extra_that_is_missing_says_which() -> None:
    hidden = {"sqlalchemy", "httpx"}
    program = f"HIDDEN = {hidden!r}\n{HIDE}\nimport holdgate\n"
    for use, extra in (("WriteSession", "kinds"), ("Client('https://hold.example.org', 'token')", "client")):
        done = subprocess.run([sys.executable, "-c", f"{program}holdgate.{use}"], capture_output=True, text=True)
        assert f"holdgate[{extra}]" in done.stderr


def test_a_product_that_imports_the_public_names_loads_no_database_and_no_web() -> None:
    """`WriteSession` is a session of SQLAlchemy: who writes it has loaded that."""
    names = sorted({*holdgate.__all__} - {"WriteSession"})
    measure = "import sys; from time import process_time; began = process_time()"
    told = "print(f'{process_time() - began:.3f}', *sorted({name.partition('.')[0] for name in sys.modules}))"
    program = f"{measure}; from holdgate import {', '.join(names)}; {told}"
    tries = [subprocess.check_output([sys.executable, "-c", program], text=True).split() for _ in range(3)]
    assert not {"sqlalchemy", "asyncpg", "structlog", "httpx", "litestar", "pydantic"} & {*tries[0]}
    assert min(float(seconds) for seconds, *_ in tries) < 0.15
