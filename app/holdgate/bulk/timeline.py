"""What a task's page tells of the bulk action that did something to it."""

import re

SIGNED = re.compile(r"Bulk action ([0-9a-f-]{36})")


def find(reason: str) -> tuple[str, str] | None:
    found = SIGNED.fullmatch(reason)
    return (f"/bulk/{found[1]}", "Bulk action") if found else None
