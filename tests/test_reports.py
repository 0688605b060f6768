"""A failing test is reported whatever it has printed, and the others beside it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFTEST = "from tests.reports import pytest_report_to_serializable\n"
TESTS = r"""
import warnings
import pytest

def test_fails():
    print("half a character: \udcff")
    assert "\ud800" == "whole", "\udcff"

@pytest.fixture
def odd():
    yield
    raise RuntimeError("\udcff")

def test_falls_afterwards(odd): ...

@pytest.mark.parametrize("text", ["\udcff"])
def test_of_a_name(text): ...

@pytest.mark.skip(reason="\udcff")
def test_skipped(): ...

def test_passes(): ...
"""


def test_a_lone_surrogate_in_the_output_of_a_failing_test_hides_no_other_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_odd.py").write_text(TESTS)
    command = (sys.executable, "-m", "pytest", "-n", "2", "-rA", "-p", "no:cacheprovider", str(tmp_path))
    done = subprocess.run(
        (*command, "--rootdir", str(tmp_path)),
        cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if "PYTEST" not in name}, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert "INTERNALERROR" not in said
    assert "1 failed, 3 passed, 1 skipped, 1 error" in said
    assert "half a character: \\udcff" in said
    assert done.returncode == 1
