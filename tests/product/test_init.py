"""`holdgate init` and `holdgate dev --reload` in folders that are not ours."""

import os
import re
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from holdgate.cli import main
from holdgate.core.config import ConfigError, load
from holdgate.core.db import Database
from holdgate.core.project import environment as project
from tests import wheels
from tests.processes import ROOT, environment, free_port
from tests.servers import Servers
from tests.wheels import outcomes, run_tests

PATIENCE = 90.0


def init(folder: Path) -> str:
    done = CliRunner().invoke(main, ["init", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_beside_a_product_it_overwrites_nothing(tmp_path: Path) -> None:
    theirs = {
        "pyproject.toml": '# by hand\n[project]\nname = "web-shop"\n',
        "src/web_shop/__init__.py": "",
        "src/web_shop/orders.py": "PAID = True\n",
        "src/other/__init__.py": "",
        "compose.yaml": "services: {}\n",
        ".env": "SMTP_URL=smtp://mail\n",
    }
    for name, text in theirs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said = init(tmp_path)
    there = contents(tmp_path)
    for name, text in theirs.items():
        assert there[name].startswith(text)
    assert set(there) - set(theirs) == {"src/web_shop/kinds.py", "tests/test_kinds.py", ".holdgate/.gitignore"}
    assert tomllib.loads(there["pyproject.toml"])["tool"]["holdgate"]["kinds"] == ["web_shop.kinds"]
    left = set(re.findall(r"left +(\S+)", said))
    assert left == {str(tmp_path / name) for name in ("compose.yaml", ".env", "src/web_shop/__init__.py")}
    init(tmp_path)
    assert contents(tmp_path) == there


def test_settings_come_from_the_environment_then_env_then_pyproject(tmp_path: Path) -> None:
    table = '[tool.holdgate]\nkinds = ["shop.kinds", "shop.more"]\nqueues = {default = 3, slow = 1}\n'
    (tmp_path / "pyproject.toml").write_text(table)
    settings = load(project({}, tmp_path))
    assert (settings.kinds, settings.queues) == (("shop.kinds", "shop.more"), (("default", 3), ("slow", 1)))
    (tmp_path / ".env").write_text("QUEUES=default:4\nPORT=9000\n")
    settings = load(project({"PORT": "9001"}, tmp_path))
    assert (settings.queues, settings.port) == ((("default", 4),), 9001)
    (tmp_path / "pyproject.toml").write_text('[tool.holdgate]\nkind = "shop.kinds"\nqueues = ["slow"]\n')
    with pytest.raises(ConfigError, match=r"'kind' in \[tool.holdgate\](.|\n)*queues must be a table"):
        project({}, tmp_path)


class Output:
    """What a process has said so far, from a place on."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process, self._log, self._seen = process, log, 0

    def until(self, pattern: str) -> "re.Match[str]":
        deadline = time.monotonic() + PATIENCE
        while True:
            said = self._log.read_text()[self._seen :]
            if found := re.search(pattern, said):
                self._seen += found.end()
                return found
            assert time.monotonic() < deadline and self._process.poll() is None, said
            time.sleep(0.05)


def test_a_new_project_tests_itself_and_reloads_what_is_changed(
    wheel: Path, tmp_path: Path, servers: Servers, database: Database
) -> None:
    folder = tmp_path / "shop"
    programs = wheels.install(wheel, folder, {})
    subprocess.run([programs / "holdgate", "init"], cwd=folder, check=True, capture_output=True)
    images = {
        each["image"].removesuffix("-alpine")
        for each in yaml.safe_load((folder / "compose.yaml").read_text())["services"].values()
    }
    assert images <= set(re.findall(r"image: (\S+)", (ROOT / "compose.yaml").read_text()))
    said = run_tests(folder, HOLDGATE_TEST_DATABASE_URL=os.environ["HOLDGATE_TEST_DATABASE"])
    assert outcomes(said) == {"test_a_greeting_waits_for_approval": "PASSED"}, said

    environ = environment(servers, folder / "data", PORT=str(free_port()))
    del environ["PYTHONPATH"], environ["KINDS"]
    kinds = folder / "shop/kinds.py"
    whole = kinds.read_text()
    kinds.write_text(whole.replace("name: str", "name: strr"))
    log = tmp_path / "log"
    with log.open("wb") as out:
        dev = subprocess.Popen(
            [programs / "holdgate", "dev", "--reload"],
            cwd=folder,
            env=environ,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
    try:
        output = Output(dev, log)
        output.until(
            r"kinds of shop.kinds cannot be loaded: NameError: name 'strr' is not defined\n"
            r'File "shop/kinds.py", line \d+, in Greet\n +name: strr\n'
        )
        kinds.write_text(whole)
        said = output.until(r"Holdgate runs at(.|\n)*Your kinds +shop.kinds(.|\n)*Ctrl-C")[0]
        assert "careers" not in said
        kinds.write_text(whole.replace("def compose(", "def compose("))
        output.until(r"shop/kinds.py changed: web server and worker are started again")
    finally:
        dev.send_signal(signal.SIGINT)
        assert dev.wait(30) == 0, log.read_text()
