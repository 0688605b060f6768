"""Durations as people write them: `900`, `900s`, `15m`, `1h`, `30d`."""

import re
from datetime import timedelta

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> timedelta | None:
    """Seconds as a number, or a number with s, m, h or d; None for anything else."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd]?)", text)
    if match is None:
        return None
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        return None


def write_duration(value: timedelta) -> str:
    """In the largest unit that it is a whole number of, beyond one of it: `90s`, `20m`; `0` for nothing."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds > _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds:g}s" if seconds else "0"
