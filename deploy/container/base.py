"""The root that stands for `python:3.13-slim-trixie`: Debian trixie and its Python 3.13, laid anew by debootstrap.

That image cannot be fetched everywhere; this one has the same system and the same Python version, and neither has a
compiler. The Python lies in /usr/bin instead of /usr/local/bin.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

IMAGE = "python:3.13-slim-trixie"
SUITE, PYTHON = "trixie", "3.13"
PACKAGES = "python3,python3-venv,ca-certificates"


def base(kept: Path) -> Path:
    """The clean root. One of an earlier run is taken again, but never in CI."""
    if shutil.which("debootstrap") is None:
        sys.exit("`make container` lays a clean Debian root and needs debootstrap: apt-get install debootstrap")
    if os.environ.get("CI"):
        shutil.rmtree(kept, ignore_errors=True)
    if not kept.exists():
        fresh = kept.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        laid = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(fresh)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if laid.returncode:
            sys.exit(f"debootstrap failed:\n{laid.stdout[-3000:]}")
        for cache in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(fresh / cache)
        found = str((fresh / "usr/bin/python3").readlink())
        assert found == f"python{PYTHON}", f"{SUITE} has {found}, {IMAGE} has another"
        (fresh / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        fresh.rename(kept)
    return kept
