"""Secrets of a payload that a person was shown masked and sends back, and what was changed in it, told without them."""

import re
from typing import Any

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.text.masking import HIDDEN, masked

# Where a payload sends something: an address wherever it stands, and whatever stands under a name of these.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/?#\s]*", re.IGNORECASE)
_PLACE = re.compile(
    r"url|uri|host|server|endpoint|domain|port$|proxy|address|origin|scheme|recipient|^to$", re.IGNORECASE
)


def with_secrets(given: Any, old: Any) -> Any:
    """What a person sent of a payload that they were shown masked: what they left masked is what it was.

    A secret was given for one place. It is kept only while every address in the payload has the scheme, host and port
    that it had, so that who may edit a payload cannot have its secret sent to a server of their own.

    Raises:
        Invalid: a mask stands where there was no secret, it cannot be said which one it is, or an address changed.
    """
    shown = masked(old)
    whole = _unmasked(given, old, shown)
    if holds_mask(given) and _places(given) != _places(shown):
        raise _refused(
            f"The payload now leads to another server, so what is {HIDDEN} is not kept for it. "
            "Write the whole value in its place, or leave the server as it was."
        )
    return whole


def refuse_masks(payload: Any) -> None:
    """Raises Invalid where the mask itself would be stored as a value."""
    if holds_mask(payload):
        raise _refused(f"{HIDDEN} stands for a hidden value. Enter the full value instead.")


def _refused(sentence: str) -> Invalid:
    return Invalid(sentence, {"payload": sentence})


def holds_mask(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds_mask, value.values()))
    if isinstance(value, list):
        return any(map(holds_mask, value))
    return isinstance(value, str) and HIDDEN in value


def _places(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    """Path → the servers named there: as origins, or whole where only the name of the value tells that it is one."""
    if isinstance(value, dict):
        return {p: o for name, item in value.items() for p, o in _places(item, (*path, str(name))).items()}
    if isinstance(value, list):
        return {p: o for n, item in enumerate(value) for p, o in _places(item, (*path, str(n))).items()}
    text = value if isinstance(value, str) else str(value)
    origins = [origin.lower() for origin in _ORIGIN.findall(text)]
    if not origins and value is not None and any(_PLACE.search(name) for name in path):
        origins = [text.strip().lower()]
    return {path: origins} if origins else {}


def _unmasked(given: Any, old: Any, shown: Any) -> Any:
    if given == shown:
        return old
    if isinstance(given, dict):
        there = old if isinstance(old, dict) else {}
        seen = shown if isinstance(shown, dict) else {}
        return {name: _unmasked(value, there.get(name), seen.get(name)) for name, value in given.items()}
    if isinstance(given, list):
        there_ = old if isinstance(old, list) else []
        seen_ = shown if isinstance(shown, list) else []
        alike = _by_look(there_, seen_)
        return [_of_list(number, value, there_, seen_, alike) for number, value in enumerate(given)]
    if isinstance(given, str) and HIDDEN in given:
        raise _refused(f"Leave {HIDDEN} exactly as it was, or write the whole value in its place.")
    return given


def _look(shown: Any) -> bytes:
    return msgspec.json.encode(shown, order="deterministic")


def _by_look(old: list[Any], shown: list[Any]) -> dict[bytes, tuple[Any, bool]]:
    """What a value of a list is shown as → the first that is shown so, and whether all that are, are the same."""
    found: dict[bytes, tuple[Any, bool]] = {}
    for value, look in zip(old, map(_look, shown), strict=False):
        first, same = found.get(look, (value, True))
        found[look] = first, same and first == value
    return found


def _of_list(number: int, value: Any, old: list[Any], shown: list[Any], alike: dict[bytes, tuple[Any, bool]]) -> Any:
    """Of a list that may have been reordered: the one that looks the same, if all that do are the same."""
    first, same = alike.get(_look(value), (None, False))
    if same:
        return first
    if number < len(shown) and len(shown) == len(old) and shown[number] == value:
        return old[number]
    if number < len(old):
        return _unmasked(value, old[number], shown[number])
    return _unmasked(value, None, None)


def changes_between(old: Any, new: Any, path: str = "") -> list[dict[str, Any]]:
    """What differs, with secrets hidden: `{"path", "before", "after"}` for each value, without those not there.

    A secret that was changed is told as such, by its mask on both sides.
    """
    return _differences(old, new, masked(old), masked(new), path)


def _differences(old: Any, new: Any, shown: Any, shown_new: Any, path: str) -> list[dict[str, Any]]:
    if old == new and type(old) is type(new):
        return []
    if all(isinstance(each, dict) for each in (old, new, shown, shown_new)):
        found = []
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else str(name)
            if name not in new:
                found.append({"path": inner, "before": shown[name]})
            elif name not in old:
                found.append({"path": inner, "after": shown_new[name]})
            else:
                found += _differences(old[name], new[name], shown[name], shown_new[name], inner)
        return found
    return [{"path": path, "before": shown, "after": shown_new}]
