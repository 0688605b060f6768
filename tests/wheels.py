"""The wheel as a product has it: built from this checkout, installed into an environment of its own."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from shutil import copy

from tests.deploy.installed import installed_with
from tests.processes import ROOT


def build(place: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [made] = place.glob("*.whl")
    return made


def install(wheel: Path, folder: Path, files: Mapping[str, str], theirs: str | None = None) -> Path:
    """The files, and `venv` with the wheel; its other packages are `theirs` (ours, when left out), by a path. Returns
    its programs' folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    packages = _environment(folder)
    # A .pth is not read in what a .pth adds, so the checkout itself is not found there.
    (packages / "theirs.pth").write_text(theirs or sysconfig.get_path("purelib"))
    pip(folder, "--no-index", "--force-reinstall", str(wheel))
    return folder / "venv/bin"


def install_alone(wheel: Path, folder: Path, extra: str, *beside: str) -> Path:
    """`venv` with the wheel and what its extra brings, and nothing else: copies of our own packages, so that no network
    is needed, without byte code. `beside`: more of them, by name. Returns where its packages are."""
    packages = _environment(folder)
    pip(folder, "--no-index", "--no-compile", str(wheel))
    for name in {*installed_with(extra), *beside}:
        for file in distribution(name).files or ():
            source = Path(str(file.locate()))
            if source.suffix != ".pyc" and ".." not in file.parts and source.is_file():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                copy(source, packages / file)
    return packages


def pip(folder: Path, *arguments: str) -> None:
    command = ["-m", "pip", "--python", str(folder / "venv/bin/python"), "install", "--no-deps", "-q"]
    subprocess.run([sys.executable, *command, *arguments], check=True, capture_output=True)


def _environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    [packages] = (folder / "venv/lib").glob("python*/site-packages")
    return packages


def run_tests(folder: Path, *arguments: str, **environ: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command: list[str | Path] = [
        folder / "venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:schemathesis",
        *arguments,
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return str(done.stdout + done.stderr)


def outcomes(said: str) -> dict[str, str]:
    return {test: outcome for outcome, test in re.findall(r"^(PASSED|FAILED|ERROR) \S+::(\w+)", said, re.MULTILINE)}
