"""The command answers at once: what a command needs is imported when it runs."""

import json
import subprocess
import sys

# One process for all of them: the first command that loads something heavy is named.
LOADED = """
import json, sys
from click.testing import CliRunner
from holdgate.cli import main
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0, done.output
    print(json.dumps([words, sorted({name.split(".")[0] for name in sys.modules})]))
"""
HEAVY = {"sqlalchemy", "litestar", "asyncpg", "httpx", "redis", "arq", "jinja2", "alembic", "uvicorn"}


def test_help_of_every_command_loads_neither_web_nor_database() -> None:
    commands: list[list[str]] = [
        [],
        ["dev"],
        ["web"],
        ["worker"],
        ["migrate"],
        ["token", "create"],
        ["user", "add"],
        ["load"],
        ["doctor"],
    ]
    program = [sys.executable, "-c", LOADED, json.dumps(commands)]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(commands)
    for words, loaded in map(json.loads, said):
        assert not HEAVY & set(loaded), words
