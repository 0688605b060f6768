"""Finds Chromium for the browser tests. `python -m tests.chromium` says what `make test-all` will leave out."""

import os
import shutil

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # pages of one context share a process; to start one takes longer than most tests
]


def path() -> str | None:
    """The system's Chromium or Chrome; CHROMIUM names another."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


if __name__ == "__main__" and path() is None:
    print("No Chromium here: the browser tests are LEFT OUT. Install Chromium, or set CHROMIUM to it, to run them.")
