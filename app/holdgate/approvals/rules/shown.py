"""What people are shown of a request: plain data, told in the same words on every page, in emails and on receipts."""

from math import isfinite
from typing import Any, Literal

import msgspec

from holdgate.approvals import blocks
from holdgate.approvals.errors import QuestionImpossible
from holdgate.core.text.shape import MOST_DEPTH
from holdgate.core.text.typed import plain_of

LONG = 200  # characters; a longer text is shown as a passage
WHOLE = 1e15  # floats from here on are written as whole numbers: PostgreSQL gives them back so


class ShownRow(msgspec.Struct, frozen=True):
    """A value under its name. `fact`: short; `text`: long or of several lines; `data`: an object or a list, as JSON."""

    label: str
    text: str
    kind: Literal["fact", "text", "data"] = "fact"


def rows(shown: Any) -> list[ShownRow]:
    """Everything that is shown, in its order: labelled values, or what the blocks of a list say as text."""
    if isinstance(shown, list):
        return [_told(label, text) for block in blocks.stored(shown) for label, text in block.texts()]
    return [_row(label, value) for label, value in shown.items()]


def texts(shown: Any) -> list[tuple[str, str]]:
    """Everything that is shown, as plain text under its names."""
    return [(row.label, row.text) for row in rows(shown)]


def in_brief(shown: Any) -> list[tuple[str, str]]:
    """For an email: a line for each, which a template may cut short."""
    if isinstance(shown, list):
        return [line for block in blocks.stored(shown) for line in _block_in_brief(block)]
    return [(row.label, row.text) for row in rows(shown)]


def _block_in_brief(block: blocks.AnyBlock) -> list[tuple[str, str]]:
    """For a line of an email, which may cut it short; the whole is on the page."""
    match block:
        case blocks.TableBlock():
            return [(block.heading, f"{len(block.rows):,} rows of {', '.join(block.columns)}, on the page")]
        case blocks.DiffBlock():
            return [(block.heading, "on the page")]
        case blocks.FileBlock():
            return [(block.heading, f"{block.file.name} ({block.file.size:,} bytes), on the page")]
        case _:
            return block.texts()


def normal(shown: Any) -> dict[str, Any] | list[Any]:
    """As it is stored: labelled values, or a list of blocks.

    Raises:
        QuestionImpossible
    """
    given = [shown] if blocks.is_block(shown) else shown
    data = plain(given)
    stored: dict[str, Any] | list[Any] = data if isinstance(data, dict) else {"Value": data}
    if isinstance(given, list | tuple) and any(map(blocks.is_block, given)):
        try:
            stored = plain(msgspec.to_builtins(blocks.read(data)))
        except blocks.BadBlock as problem:
            raise QuestionImpossible(f"can’t be shown: {problem}") from None
    return stored


def _row(label: str, value: Any) -> ShownRow:
    if isinstance(value, dict | list) and value:
        return ShownRow(label, msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), "data")
    return _told(label, blocks.scalar_text(value))


def _told(label: str, text: str) -> ShownRow:
    return ShownRow(label, text, "text" if "\n" in text or len(text) > LONG else "fact")


def plain(value: Any, depth: int = MOST_DEPTH) -> Any:
    """`value` as the data that is stored and comes back the same: texts, numbers, null, lists and objects.

    Raises:
        QuestionImpossible: part of it can’t be stored or shown. The sentence goes on after the name of the request.
    """
    if depth < 0:
        raise QuestionImpossible(f"shows data more than {MOST_DEPTH} levels deep")
    if isinstance(value, dict):
        return {_name(name): plain(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth - 1) for each in value]
    if isinstance(value, set | frozenset):  # in an order that is the same in another process
        return sorted((plain(each, depth - 1) for each in value), key=msgspec.json.encode)
    if isinstance(value, str):
        return _storable(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _number(value)
    try:
        built = plain_of(value)
    except TypeError as problem:
        raise QuestionImpossible(f"shows what is no plain data ({problem})") from None
    return plain(built, depth)


def _name(name: Any) -> str:
    if isinstance(name, str):
        return _storable(name)
    if isinstance(name, dict | list | tuple | set | frozenset) or name is None:
        raise QuestionImpossible(f"shows a value under {name!r}, which is no name")
    return str(plain(name))


def _storable(text: str) -> str:
    if "\0" in text:
        raise QuestionImpossible(f"shows a NUL character, in {text[:40]!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QuestionImpossible(f"shows half of a character (a lone surrogate), in {text[:40]!r}") from None
    return str(text)


def _number(value: float) -> int | float:
    if not isfinite(value):
        raise QuestionImpossible(f"shows {value}, which is no number in JSON")
    return int(value) if value.is_integer() and abs(value) >= WHOLE else value + 0.0
