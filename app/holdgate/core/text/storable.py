"""What PostgreSQL can hold and give back as it was: texts without NULs and lone surrogates, and values as JSON text."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import msgspec

from holdgate.core.text.shape import DEEP, LONG, json_problem
from holdgate.core.text.typed import decode_as, encode_hook, plain_of

MOST_JSON = 4 * 1024 * 1024  # bytes of one result, of a task or of a step, as JSON
NUL = b"\\u0000"  # as JSON writes it; so does a text of these six characters, behind one more backslash
TOO_DEEP = f"can’t be stored. {DEEP}"


class Unstorable(ValueError):
    """`str(error)` says, behind the name of the value, what is wrong with it and what to do."""


def storable_text(text: str, most: int | None = None) -> str:
    """The text with its NULs and lone surrogates written as escapes, and at most `most` characters of it."""
    text = text[:most]
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")[:most]


def has_half(text: str) -> bool:
    """Whether it holds a lone surrogate, which is half of a character."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def place_of(value: Any, bad: Callable[[str], bool], place: str = "") -> str | None:
    """Where in plain data the first text is that is `bad`, as `.show.name[3]`; None: nowhere. Of a bad name, where the
    object is that has it."""
    if isinstance(value, str):
        return place if bad(value) else None
    if isinstance(value, dict):
        if any(bad(name) for name in value):
            return place
        inner = ((f"{place}.{name}", each) for name, each in value.items())
    else:
        inner = ((f"{place}[{number}]", each) for number, each in enumerate(value if isinstance(value, list) else ()))
    return next((found for where, each in inner if (found := place_of(each, bad, where)) is not None), None)


def holds_nul(value: Any) -> bool:
    """Whether a text or a name somewhere in this plain data holds a NUL character."""
    return _any(value, lambda item: isinstance(item, str) and "\0" in item)


def json_of(value: Any, wanted: Any = Any, *, text_keys: bool = False) -> tuple[str, Any]:
    """JSON text of a value, and what it is when it is read as `wanted`: proved to be the same value.

    Without a type (`Any`) that is its plain data: a struct becomes a dict, a tuple a list, a Decimal or a date a text.

    Args:
        text_keys: keys that are numbers may become texts, as everywhere in JSON. Else they are refused.

    Raises:
        Unstorable
    """
    text = _encoded(value, encode_hook)
    if len(text) > MOST_JSON:
        raise Unstorable(
            f"has {len(text):,} bytes as JSON, and at most {MOST_JSON:,} are kept. Store it as an artifact "
            "(ctx.artifact) and return the artifact's name."
        )
    try:
        plain = _plain(value, text_keys)
        _check(plain, text)
        found = decode_as(wanted, text)
        same = _same(plain, _plain(found, text_keys))
    except msgspec.MsgspecError as error:
        raise Unstorable(f"doesn’t match the return annotation: {error}. Correct the one or the other.") from error
    except TypeError as error:
        raise Unstorable("mixes types in a set or in the keys of a dict. Use one type.") from error
    except RecursionError:
        raise Unstorable(TOO_DEEP) from None
    if not same:
        raise Unstorable("would read back as another value. Annotate exactly what the function returns.")
    return text.decode(), found


def check_plain(plain: Any) -> None:
    """Whether plain data can be stored as JSON without becoming something else. Raises Unstorable."""
    text = _encoded(plain)
    if len(text) > MOST_JSON:
        raise Unstorable(f"can’t be stored. {LONG}")
    _check(plain, text)


def _encoded(value: Any, hook: Callable[[Any], Any] | None = None) -> bytes:
    try:
        return msgspec.json.encode(value, enc_hook=hook)
    except UnicodeEncodeError:
        raise Unstorable("holds a lone surrogate, half a character. Decode the text with errors='replace'.") from None
    except RecursionError:
        raise Unstorable(TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        raise Unstorable(f"cannot be written as JSON: {error}. Use plain data or a struct.") from error


def _check(plain: Any, text: bytes) -> None:
    if problem := json_problem(text):
        raise Unstorable(f"can’t be stored. {problem}")
    if NUL in text and holds_nul(plain):
        raise Unstorable("holds a NUL character, which PostgreSQL cannot store. Remove it.")
    # JSON writes null for them.
    if b"null" in text and _any(plain, lambda item: isinstance(item, float) and not isfinite(item)):
        raise Unstorable("holds nan or an infinite number, which JSON does not know. Use None or a text instead.")


def _any(value: Any, test: Callable[[Any], bool]) -> bool:
    """Whether `test` says so of any key or leaf. No recursion: what is nested deep must not fail here."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest += item.keys()
            rest += item.values()
        elif isinstance(item, (list, tuple)):
            rest += item
        elif test(item):
            return True
    return False


def _plain(value: Any, text_keys: bool) -> Any:
    return plain_of(value, str_keys=text_keys, order="deterministic")


def _same(one: Any, other: Any) -> bool:
    """Whether plain data is equal, where a tuple equals a list."""
    one = list(one) if isinstance(one, tuple) else one
    other = list(other) if isinstance(other, tuple) else other
    if one == other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(item, other[name]) for name, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return False
