"""The wheel as a product has it: built from this checkout, installed into an environment of its own."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from tests.processes import ROOT


def build(place: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [made] = place.glob("*.whl")
    return made


def install(wheel: Path, folder: Path, files: Mapping[str, str]) -> Path:
    """The files, and `venv` with the wheel; its other packages are ours, by a path. Returns its programs' folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    [packages] = (folder / "venv/lib").glob("python*/site-packages")
    # A .pth is not read in what a .pth adds, so the checkout itself is not found there.
    (packages / "theirs.pth").write_text(sysconfig.get_path("purelib"))
    into = ["-m", "pip", "--python", str(folder / "venv/bin/python"), "install", "--no-deps", "--no-index", "-q"]
    subprocess.run([sys.executable, *into, "--force-reinstall", str(wheel)], check=True, capture_output=True)
    return folder / "venv/bin"


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
