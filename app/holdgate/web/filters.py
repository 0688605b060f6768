"""How templates write values: times, numbers, sizes, states. `ago` has the words of static/js/clock.js."""

import json
from collections.abc import Callable
from datetime import UTC, date, timedelta
from datetime import datetime as DateTime
from typing import Any, NamedTuple

import msgspec

from holdgate.core.principal import name_of
from holdgate.core.text.verbs import past
from holdgate.core.text.visible import unseen
from holdgate.core.text.zones import shown
from holdgate.web.markdown import markdown

EXCERPT = 64 * 1024  # characters of one value that a page shows
TREE = 1_000  # values that are shown each in a fold of its own; more are shown as text

STATE_LABELS = {
    "dead_letter": "Failed",
    "pending_approval": "Waiting for approval",
    "needs_input": "Needs input",
    "needs_auth": "Needs sign-in",
}


def datetime(at: DateTime | None) -> str:
    """`2026-11-23 09:05:12 UTC`; a dash for None."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "–"


def local(at: DateTime | None) -> str:
    """The time in the zone of the person who looks: `2026-11-23 10:05:12 CET`; a dash for None."""
    return f"{_local(at):%Y-%m-%d %H:%M:%S %Z}" if at else "–"


def moment(text: str) -> DateTime:
    """Of a time as receipts have it."""
    return DateTime.fromisoformat(text)


def clock(at: DateTime | None) -> str:
    """`10:05` today, `23 Nov, 10:05` on another day, in the zone of the person who looks; a dash for None."""
    if at is None:
        return "–"
    there, now = _local(at), _local(DateTime.now(UTC))
    if there.date() == now.date():
        return f"{there:%H:%M}"
    return f"{there.day} {there:%b, %H:%M}" if there.year == now.year else f"{there:%Y-%m-%d %H:%M}"


def log_clock(at: str) -> str:
    """`10:05:12.042` of an ISO time, in the zone of the person who looks."""
    try:
        there = _local(DateTime.fromisoformat(at))
    except ValueError:
        return at
    return f"{there:%H:%M:%S}.{there.microsecond // 1000:03}"


def zone(at: DateTime) -> str:
    """`CET`, or what stands for it: of the person who looks, at that time."""
    return f"{_local(at):%Z}"


def day(value: date | str) -> str:
    """`31 January 2020`, of a date or its ISO form."""
    value = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{value.day} {value:%B %Y}"


def iso_day(at: DateTime) -> str:
    """The day there, as an input of a form has it: `2026-11-23`."""
    return _local(at).date().isoformat()


def _local(at: DateTime) -> DateTime:
    return at.astimezone(shown())


def ago(at: DateTime | None) -> str:
    """`3 min ago`, `in 2 h 53 min`, `just now`. For display only: it reads this machine's clock."""
    if at is None:
        return "–"
    distance = (at - DateTime.now(UTC)).total_seconds()
    seconds = int(abs(distance))
    if seconds < 5:
        return "just now"
    return f"in {_ahead(seconds)}" if distance > 0 else f"{_span(seconds)} ago"


def left(at: DateTime | None) -> str:
    """`2 h 53 min left`, `expired`. For display only, as `ago`."""
    if at is None:
        return "–"
    seconds = (at - DateTime.now(UTC)).total_seconds()
    return f"{_ahead(int(seconds))} left" if seconds > 0 else "expired"


def _ahead(seconds: int) -> str:
    """In two units: who is told of an hour less hurries for nothing."""
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return _span(seconds)


def _span(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


def duration(value: timedelta | float | None) -> str:
    """`420 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`; numbers are seconds; a dash for None."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if 0 < seconds < 0.0005:
        return "< 1 ms"
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def number(value: float | None) -> str:
    """Thousands apart by a narrow space; fractions to at most two digits; a dash for None."""
    if value is None:
        return "–"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u202f")


def size(value: int | None) -> str:
    """Bytes as `812 B`, `4.2 kB`, `1.5 MB`; a dash for None."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value} B"
    amount = float(value)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95 or unit == "TB":
            break
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def json_pretty(value: Any) -> str:
    """Indented JSON. A text or bytes are taken as JSON already; what is none stays as it is."""
    raw = value.encode() if isinstance(value, str) else value
    try:
        encoded = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        return msgspec.json.format(encoded, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return str(value)


def json_plain(value: Any) -> str:
    """Indented JSON in ASCII, for the clipboard: nothing invisible is in it."""
    return json.dumps(msgspec.to_builtins(value), indent=2)


class Excerpt(NamedTuple):
    """As much of a value as a page shows. `length`: of the whole, in characters; `tree`: it may be shown as one."""

    text: str
    length: int
    tree: bool = False

    @property
    def cut(self) -> bool:
        return len(self.text) < self.length


def excerpt(value: Any) -> Excerpt:
    """A text as it is, and other plain data as indented JSON: the first 64 kB of it."""
    if not isinstance(value, str):
        dense = msgspec.json.encode(value)
        tree = len(dense) <= EXCERPT and dense.count(b",") + dense.count(b"[") + dense.count(b"{") <= TREE
        value = msgspec.json.format(dense, indent=2).decode()
        return Excerpt(value[:EXCERPT], len(value), tree)
    return Excerpt(value[:EXCERPT], len(value), len(value) <= EXCERPT)


def state_label(state: str) -> str:
    """The word people read for a state: `dead_letter` → `Failed`."""
    text = str(state)
    return STATE_LABELS.get(text) or text.replace("_", " ").replace("-", " ").capitalize()


FILTERS: dict[str, Callable[..., Any]] = {
    "datetime": datetime,
    "local": local,
    "clock": clock,
    "moment": moment,
    "zone": zone,
    "log_clock": log_clock,
    "day": day,
    "iso_day": iso_day,
    "ago": ago,
    "left": left,
    "duration": duration,
    "number": number,
    "bytes": size,
    "json_pretty": json_pretty,
    "json_plain": json_plain,
    "excerpt": excerpt,
    "unseen": unseen,
    "markdown": markdown,
    "state_label": state_label,
    "actor_name": name_of,
    "past": past,
}
