"""The unit of docs/deploy.md, as systemd itself reads it."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import blocks

# What `systemd-analyze security` makes of it, from 0 (shut) to 10 (open); a unit without any of our lines has 9.6.
MOST_EXPOSED = 4.5


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    [text] = [each.text for each in blocks() if each.page == "docs/deploy.md" and each.language == "ini"]
    path = tmp_path / "holdgate@worker-2.service"
    path.write_text(text)
    return path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)


def test_systemd_reads_the_unit_without_a_warning(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHom=yes"))
    assert "ProtectHom" in analyze("verify", "--man=no", str(unit)).stderr


def test_the_unit_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(unit))
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(("instance", "command"), [("web", "web"), ("worker", "worker"), ("worker-2", "worker")])
def test_an_instance_starts_what_its_name_begins_with(unit: Path, instance: str, command: str) -> None:
    [line] = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    line = line.replace("/opt/holdgate/bin/holdgate", "echo").replace("$$", "$")
    line = re.sub("%(.)", lambda found: instance if found[1] == "i" else "%", line)
    assert subprocess.run(shlex.split(line), capture_output=True, text=True).stdout.split() == [command]
