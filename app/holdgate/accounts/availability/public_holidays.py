"""Public holidays of a country or a part of it, as the package `holidays` knows them (extra `holidays`)."""

import re
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any

from holdgate.core.telemetry import log

# ISO 3166-1, and 3166-2 for a part: DE, DE-BY.
_CODE = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")
MISSING = (
    "Public holidays need the package holidays, which is not installed. "
    "Install Holdgate with its extra: holdgate[holidays]. Until then leave this empty."
)
logger = log.get(__name__)


def problem_with(code: str) -> str:
    """Why there are no holidays to be had for this code; "" where there are, and without a code."""
    if not code:
        return ""
    try:
        known = _calendar(code) is not None
    except ModuleNotFoundError:
        return MISSING
    if known:
        return ""
    return (
        "No public holidays are known for this. Enter a country’s code, like DE, or that of a part of it, like DE-BY."
    )


def is_holiday(code: str, day: date) -> bool:
    """A process that has no package any more counts all days alike, and says so once: no clock stands still for it."""
    if not code:
        return False
    try:
        calendar = _calendar(code)
    except ModuleNotFoundError:
        _warn()
        return False
    return calendar is not None and day in calendar


@cache
def _calendar(code: str) -> Any:
    """Years are added to it as they are asked for. None: there is no such country, or no such part of it."""
    package = import_module("holidays")
    found = _CODE.fullmatch(code)
    if found is None:
        return None
    try:
        return package.country_holidays(found[1], subdiv=found[2])
    except NotImplementedError:
        return None


@cache
def _warn() -> None:
    logger.warning("public_holidays_not_counted", reason=MISSING)
