"""Every command answers --help at once: what a command needs is imported when it runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands import every_command

# One process for all of them: the first command that loads something heavy is named.
LOADED = """
import json, sys
from click.testing import CliRunner
from holdgate.cli import main
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0 and done.output.startswith("Usage: "), (words, done.output)
    print(json.dumps([words, sorted({name.split(".")[0] for name in sys.modules})]))
"""
HEAVY = {"sqlalchemy", "litestar", "asyncpg", "httpx", "redis", "arq", "jinja2", "alembic", "uvicorn", "mcp", "obstore"}


def test_help_of_every_command_loads_neither_web_nor_database() -> None:
    """What is imported costs the same everywhere; `python -m bench.commands` tells the seconds."""
    commands = [list(words) for words in every_command()]
    assert len(commands) > 30 and ["user", "sign-in-link"] in commands
    program = [sys.executable, "-c", LOADED, json.dumps(commands)]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(commands)
    for words, loaded in map(json.loads, said):
        assert not HEAVY & set(loaded), words


@pytest.mark.parametrize(
    ("typed", "offered"), [("us", {"user"}), ("user sign", {"sign-in-link"}), ("retention --", {"--help"})]
)
def test_bash_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    words = f"holdgate {typed}".split()
    script = (
        'eval "$(holdgate completion bash)"; complete -p holdgate >/dev/null && '
        f"COMP_WORDS=({' '.join(words)}) COMP_CWORD={len(words) - 1} && _holdgate_completion holdgate && "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": "/nonexistent"}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(("shell", "word"), [("zsh", "1"), ("fish", "toke")])
def test_other_shells_get_a_script_that_asks_for_commands(shell: str, word: str) -> None:
    program = [sys.executable, "-m", "holdgate.cli"]
    script = subprocess.run([*program, "completion", shell], capture_output=True, text=True).stdout
    assert f"_HOLDGATE_COMPLETE={shell}_complete" in script
    asking = {
        **os.environ,
        "_HOLDGATE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "holdgate toke",
        "COMP_CWORD": word,
    }
    asked = subprocess.run([Path(sys.executable).with_name("holdgate")], env=asking, capture_output=True, text=True)
    assert "token" in re.split(r"[,\s]", asked.stdout)
