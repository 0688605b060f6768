"""mypy and pyright as a product runs them: strict, over its own files, about the installed wheel."""

import shutil
import subprocess
import sys
from functools import cache

CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "--python-executable=venv/bin/python"],
    "pyright": ["-m", "pyright", "--pythonpath=venv/bin/python"],
}


@cache
def missing(checker: str) -> str:
    """Why it does not start here. pyright is a program for node, fetched by npm at its first start."""
    if checker != "pyright":
        return ""
    if shutil.which("node") is None:
        return "pyright is a program for node, which is not here: apt-get install nodejs npm"
    begun = subprocess.run([sys.executable, "-m", "pyright", "--version"], capture_output=True, text=True)
    return "" if begun.returncode == 0 else f"pyright does not start, npm could not fetch it: {begun.stderr[-300:]}"
