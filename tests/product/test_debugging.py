"""`holdgate enqueue` and `holdgate run`: a task of a project in the developer's own terminal."""

import subprocess
import sys
from pathlib import Path

from holdgate.core.db import Database
from tests.processes import environment
from tests.servers import Servers

KINDS = """
from dataclasses import dataclass

from holdgate import Context, PermanentError, kind


@dataclass
class Pay:
    order: str


@kind("debugged.pay")
async def pay(ctx: Context, payload: Pay) -> str:
    account = await ctx.step("look-up", look_up, payload.order)
    transfer(payload.order)
    return account


async def look_up(order: str) -> str:
    print("looks up", order)
    return f"DE-{order}"


def transfer(order: str) -> None:
    if BROKEN:
        raise ValueError(f"no bank for {order}")


BROKEN = True
"""


def test_a_task_runs_in_the_foreground_with_its_stored_steps(
    tmp_path: Path, servers: Servers, database: Database
) -> None:
    (tmp_path / "shop.py").write_text(KINDS)
    (tmp_path / "pyproject.toml").write_text('[tool.holdgate]\nkinds = ["shop"]\n')
    environ = environment(servers, tmp_path / "data", PYTHONPATH="")
    del environ["KINDS"]

    def said(*words: str, status: int = 0, keys: str = "") -> str:
        done = subprocess.run(
            [Path(sys.executable).parent / "holdgate", *words],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            input=keys,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "Invalid payload for debugged.pay:" in said("enqueue", "debugged.pay", '{"orders": 1}', status=1)
    task = said("enqueue", "debugged.pay", '{"order": "A7"}').strip()

    first = said("run", task, "--pdb", status=1, keys="p order\nup\np account\nquit\n")
    assert "looks up A7" in first
    assert "'A7'" in first and "'DE-A7'" in first, "the debugger is where the error is"
    assert 'ValueError: no bank for A7\nFile "shop.py", line 26, in transfer\n  raise ValueError(' in first
    assert "retrying" in first

    (tmp_path / "shop.py").write_text(KINDS.replace("BROKEN = True", "BROKEN = False"))
    second = said("run", task)
    assert "looks up" not in second and "succeeded" in second and '"DE-A7"' in second
    assert "cannot be run while it is succeeded" in said("run", task, status=1)
