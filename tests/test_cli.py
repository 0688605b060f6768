"""The command answers at once: what a command needs is imported when it runs."""

import json
import subprocess
import sys

LOADED = """
import json, sys
from click.testing import CliRunner
from holdgate.cli import main
done = CliRunner().invoke(main, sys.argv[1:])
assert done.exit_code == 0, done.output
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
HEAVY = {"sqlalchemy", "litestar", "asyncpg", "httpx", "redis", "arq", "jinja2", "alembic", "uvicorn"}


def test_help_of_every_command_loads_neither_web_nor_database() -> None:
    for words in (
        [],
        ["dev"],
        ["web"],
        ["worker"],
        ["migrate"],
        ["token", "create"],
        ["user", "add"],
        ["load"],
        ["doctor"],
    ):
        said = subprocess.run(
            [sys.executable, "-c", LOADED, *words, "--help"], capture_output=True, text=True, check=True
        )
        assert not HEAVY & set(json.loads(said.stdout)), words
