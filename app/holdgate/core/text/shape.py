"""How deep and how large plain JSON data may be: one measure for whatever comes in and whatever is stored.

Depth: what reads data back (pages, exports) goes through it level by level, and Python stops at some hundred. Values:
each costs a search word, a line of a page and a place in every copy; what has more of them is a file, and
belongs into an artifact.
"""

from typing import Any

import msgspec

MOST_DEPTH = 64  # `{"a": 1}` is one deep
MOST_VALUES = 10_000  # texts, numbers, lists and objects of one payload, result or `show`
TOO_DEEP = f"[nested deeper than {MOST_DEPTH} levels]"
DEEP = f"It is nested deeper than {MOST_DEPTH} levels. Send a flatter structure."
LONG = "It is longer than 4 MB as JSON. Keep large data in a file or an artifact and send its address."
MANY = f"It holds more than {MOST_VALUES:,} values. Keep large data in a file or an artifact and send its address."


def shape_problem(value: Any, *, many: bool = False) -> str | None:
    """What is wrong with plain data, as a sentence; None: nothing.

    Args:
        many: any number of values will do.
    """
    level, depth, count = [value], 0, 1
    # Level by level and not by a call for each: what is measured may be deeper than Python's stack.
    while True:
        level = [inner for each in level if isinstance(each, (dict, list, tuple)) for inner in _inside(each)]
        if not level:
            return None
        depth, count = depth + 1, count + len(level)
        if depth > MOST_DEPTH:
            return DEEP
        if count > MOST_VALUES and not many:
            return MANY


def json_problem(text: bytes, *, many: bool = False) -> str | None:
    """As `shape_problem`, of JSON. Most fits by its look; what is no JSON is for its reader to say."""
    nested = text.count(b"[") + text.count(b"{")
    if nested <= MOST_DEPTH and (many or text.count(b",") + nested < MOST_VALUES):
        return None
    try:
        return shape_problem(msgspec.json.decode(text), many=many)
    except RecursionError:
        return DEEP
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
