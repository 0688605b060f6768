"""Where to go after signing in: a path on this site, and never anywhere else."""

import re

HOME = "/overview"
# Browsers read a backslash as a slash and drop tabs and line breaks, so `/\evil.example` leaves the site.
LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f-\x9f\u2028\u2029]{0,1999}")


def local_path(wanted: str) -> str:
    """`wanted` if it is a path on this site, else the overview."""
    return wanted if LOCAL.fullmatch(wanted) and not wanted.startswith(("/login", "/logout")) else HOME
