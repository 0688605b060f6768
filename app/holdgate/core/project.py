"""The settings of a developer's project: `.env` and `[tool.holdgate]` of `pyproject.toml`, in the current folder.

What the environment says goes before `.env`, and that before `pyproject.toml`, which has only what belongs to the code.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdgate.core.config import ConfigError

DOTENV, PYPROJECT = ".env", "pyproject.toml"


def environment(environ: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    """What `config.load` takes: the environment, completed by the project's files.

    Raises:
        ConfigError: a file can’t be read, or its table `[tool.holdgate]` has something unknown.
    """
    return sources(environ, folder)[0]


def sources(environ: Mapping[str, str], folder: Path | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """As `environment`, and for each variable where it comes from."""
    here = folder or Path()
    parts = {PYPROJECT: _pyproject(here / PYPROJECT), DOTENV: _dotenv(here / DOTENV), "environment": environ}
    origin = {name: source for source, part in parts.items() for name in part}
    return {name: value for part in parts.values() for name, value in part.items()}, origin


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # most processes of a deployment have no such file

    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _pyproject(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text()).get("tool", {}).get("holdgate", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PYPROJECT} can’t be read: {error}") from None
    readers = {"kinds": _kinds, "queues": _queues}
    problems = [
        f"{PYPROJECT} has {name!r} in [tool.holdgate]. It takes {' and '.join(readers)}; other settings come from"
        f" {DOTENV} or the environment."
        for name in table
        if name not in readers
    ]
    found = {}
    for name, read in readers.items():
        if name in table:
            try:
                found[name.upper()] = read(table[name])
            except (AttributeError, TypeError, ValueError) as error:
                problems.append(f"{PYPROJECT}, [tool.holdgate]: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def _kinds(value: Any) -> str:
    if not isinstance(value, list) or not all(isinstance(module, str) for module in value):
        raise TypeError('kinds must be a list of modules, such as kinds = ["app.refunds"].')
    return ",".join(value)


def _queues(value: Any) -> str:
    if not isinstance(value, dict) or not all(type(size) is int for size in value.values()):
        raise TypeError("queues must be a table of names and concurrency, such as queues = { default = 20, slow = 2 }.")
    return ",".join(f"{name}:{size}" for name, size in value.items())
