"""Where a program finds Holdgate when it does not say so: HOLDGATE_URL (or BASE_URL) and HOLDGATE_TOKEN."""

import os


def url_and_token() -> tuple[str, str]:
    """Raises LookupError with what is missing."""
    url = os.environ.get("HOLDGATE_URL") or os.environ.get("BASE_URL", "")
    token = os.environ.get("HOLDGATE_TOKEN", "")
    if missing := [name for name, value in (("HOLDGATE_URL", url), ("HOLDGATE_TOKEN", token)) if not value]:
        raise LookupError(f"Set {' and '.join(missing)}, or hand over a client.")
    return url, token
