"""What people write into a filter: how each value is read, and the sentence when it is not one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.text.durations import parse_duration
from holdgate.tasks.states import STANDINGS

WITH, WITHOUT, ONLY = "with", "without", "only"
LONGEST = timedelta(days=36_500)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # that `parse_age` reads
# Of one kind, or of whatever kind.
FINGERPRINT = re.compile(r"(?:[^\s:,]+:)?[0-9a-f]{12}")
_PATH = re.compile(r"(?:payload\.)?([\w-]+(?:\.[\w-]+)*)\s*:\s*(.+)", re.DOTALL)


def checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Keeps the text, as long as `read` can make something of it."""

    def keep(text: str) -> str:
        read(text)
        return text

    return keep


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def parse_id(text: str) -> UUID:
    """Raises ValueError with a sentence, as all of these do."""
    if (id := uuid_of(text)) is None:
        raise ValueError("This is not a valid id.")
    return id


def parse_standing(text: str) -> str:
    if text not in STANDINGS:
        raise ValueError(f"There is no state {text!r} a task could be in.")
    return str(text)


def parse_owner(text: str) -> str:
    if uuid_of(text) is None and "@" not in text:
        raise ValueError("An owner is an email address or an id.")
    return text


def parse_fingerprints(text: str) -> str:
    """Each once, in order, with commas."""
    found = dict.fromkeys(each.strip() for each in text.split(",") if each.strip())
    if not found or not all(map(FINGERPRINT.fullmatch, found)):
        raise ValueError("An error ID is twelve hexadecimal digits, as on the errors page.")
    return ",".join(found)


def parse_mail(text: str) -> str:
    """Empty for "with": then nothing is filtered."""
    if text not in (WITH, WITHOUT, ONLY):
        raise ValueError("Use with, without or only.")
    return "" if text == WITH else text


def parse_age(text: str) -> datetime | timedelta:
    problem = "Write how long ago (90s, 20m, 2h, 7d) or a date and time (2026-11-23T09:00Z)."
    try:
        ago = parse_duration(text)
        if ago is not None and ago <= LONGEST:
            return ago
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(problem) from None
    if not 1970 <= at.year <= 2999:
        raise ValueError(problem)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse_payload(text: str) -> list[dict[str, Any]]:
    """What the payload must contain, one of these: a bare `42` may be stored as a number or as a text."""
    if text.startswith("{"):
        try:
            return [msgspec.json.decode(text, type=dict[str, Any])]
        except (msgspec.MsgspecError, RecursionError):
            raise ValueError("This is not a JSON object.") from None
    match = _PATH.fullmatch(text)
    if match is None:
        raise ValueError('Write a field and its value, such as email:ann@example.org, or JSON: {"email": "…"}.')
    path, given = match[1].split("."), match[2]
    values: list[Any] = [given]
    try:
        decoded = msgspec.json.decode(given)
    except (msgspec.MsgspecError, RecursionError):
        pass
    else:
        values = [decoded] if isinstance(decoded, str) else [decoded, given]
    return [_nested(path, value) for value in values]


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)
