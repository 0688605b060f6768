"""What docs/approvals.md says about checking a receipt by hand works as it stands there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import decided, receipt_of

PAGE = (Path(__file__).parents[3] / "docs" / "approvals.md").read_text()
PYTHON, OPENSSL = re.findall(r"```(?:python|sh)\n(.*?)```", PAGE, re.DOTALL)[1:]


@pytest.fixture
async def files(database: Database, settings: Settings, tmp_path: Path) -> Path:
    """A directory with a receipt, a changed one, and the keys."""
    asked = await decided(database, settings, name='Zoë "Z" Łoś\n{},:"signature":{}')
    receipt = await receipt_of(database, settings, asked)
    (tmp_path / "receipt.json").write_bytes(receipt.text)
    (tmp_path / "changed.json").write_bytes(receipt.text.replace(b"owner@", b"other@"))
    keys = {"keys": signing.public_keys(settings.secret_keys)}
    (tmp_path / "keys.json").write_bytes(msgspec.json.encode(keys))
    return tmp_path


def test_the_python_of_the_page_tells_a_genuine_receipt_from_a_changed_one(files: Path) -> None:
    (files / "check.py").write_text(PYTHON)
    command = [sys.executable, "check.py", "receipt.json", "keys.json"]
    fine = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert (fine.returncode, "genuine: approved by owner@example.org" in fine.stdout) == (0, True), fine.stderr
    command[2] = "changed.json"
    wrong = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert (wrong.returncode, "InvalidSignature" in wrong.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="this machine has no openssl")
def test_the_openssl_lines_of_the_page_do_so_too(files: Path) -> None:
    fine = subprocess.run(["bash", "-c", OPENSSL], cwd=files, capture_output=True, text=True)
    assert (fine.returncode, "Signature Verified Successfully" in fine.stdout) == (0, True), fine.stderr
    (files / "changed.json").rename(files / "receipt.json")
    wrong = subprocess.run(["bash", "-c", OPENSSL], cwd=files, capture_output=True, text=True)
    assert wrong.returncode != 0
