"""Fields of forms by their types: what a control shows of a value, and the value, or a sentence, of what it sends."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from holdgate.core.forms import bounds
from holdgate.core.forms.bounds import Schema
from holdgate.core.text.shape import DEEP

MISSING = "This field is required."
UNSTORABLE = "This contains a character that can’t be stored."
TypeName: TypeAlias = Literal[
    "text", "textarea", "number", "boolean", "select", "checkboxes", "several", "lines", "date", "json", "file"
]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field. `schema` has its bounds, by JSON Schema. `exact`: white space around a text counts."""

    name: str
    type: TypeName
    label: str = ""
    required: bool = False
    hint: str = ""
    options: Sequence[str] = ()
    schema: Schema = {}
    exact: bool = False

    @property
    def control(self) -> str:
        """What the macro `field` calls it (templates/components/form.html)."""
        return TYPES[self.type].control or self.type

    @property
    def attrs(self) -> dict[str, Any]:
        """For the browser's own check."""
        return TYPES[self.type].attrs(self)


class FieldType(msgspec.Struct, frozen=True):
    """A type of field: a new one is an entry of `TYPES`, and a control in the macro `field` if it has one of its own.

    `read` gets every text that was sent under the name, and returns None when the field was left empty. It raises
    ValueError with a sentence. `write`: what the control shows: a text, a truth value or a list of what is chosen.
    """

    read: Callable[[Field, Sequence[str]], Any]
    write: Callable[[Any], Any] = lambda value: "" if value is None else value
    control: str = ""
    attrs: Callable[[Field], dict[str, Any]] = lambda field: {}


def read(field: Field, texts: Sequence[str], stored: Any = None) -> Any:
    """The value of what was sent; None when it was left empty.

    Args:
        stored: what the control showed. Left untouched it stays exactly that, line ends and white space included.

    Raises:
        ValueError: with a sentence.
    """
    if any("\0" in text for text in texts):
        raise ValueError(UNSTORABLE)
    value = TYPES[field.type].read(field, [_lines_ended(text) for text in texts])
    untouched = type(value) is type(stored) and _comparable(field, texts) == _comparable(field, sent_of(field, stored))
    return stored if untouched else value


def shown(field: Field, texts: Sequence[str]) -> Any:
    """What was sent, as the control shows it again."""
    if field.control == "checkbox":
        return is_on(texts)
    if field.control == "checkboxes":
        return list(texts)
    return texts[0] if texts else ""


def write(field: Field, value: Any) -> Any:
    """What the control shows of a value."""
    return TYPES[field.type].write(value)


def sent_of(field: Field, value: Any) -> list[str]:
    """What a browser sends of a control that shows `value`."""
    shows = write(field, value)
    if field.control == "checkbox":
        return ["true"] if shows else []
    return [str(each) for each in shows] if isinstance(shows, list) else [str(shows)]


def is_on(texts: Sequence[str]) -> bool:
    return bool(texts) and texts[0].strip().lower() in ("true", "on", "yes", "1")


def _lines_ended(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _comparable(field: Field, texts: Sequence[str]) -> list[str]:
    """Browsers write line ends their way, and leave them out of a control of one line."""
    return [_lines_ended(text) if field.control == "textarea" else re.sub(r"[\r\n]", "", text) for text in texts]


def _one(parse: Callable[[Field, str], Any]) -> Callable[[Field, Sequence[str]], Any]:
    def read(field: Field, texts: Sequence[str]) -> Any:
        text = texts[0] if texts else ""
        if not text.strip():
            return None
        return parse(field, text if field.exact else text.strip())

    return read


def _scalar(field: Field, text: str) -> Any:
    return bounds.scalar(field.schema, text)


def _select(field: Field, text: str) -> Any:
    return bounds.choice(field.schema.get("enum", field.options), text)


def _several(field: Field, texts: Sequence[str]) -> list[Any]:
    values = [bounds.scalar(field.schema.get("items") or {}, text.strip()) for text in texts]
    bounds.check_length(field.schema, values)
    return values


def _checkboxes(field: Field, texts: Sequence[str]) -> list[Any]:
    items = field.schema.get("items") or {}
    values = [bounds.choice(items.get("enum", field.options), text) for text in texts]
    bounds.check_length(field.schema, values)
    return values


def _lines(field: Field, texts: Sequence[str]) -> list[Any] | None:
    lines = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
    return _several(field, lines) if lines else None


def _json(field: Field, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError(DEEP) from None
    except msgspec.MsgspecError as error:
        raise ValueError(f"This is not JSON: {error}.") from None


def _number_attrs(field: Field) -> dict[str, Any]:
    step = "1" if field.schema.get("type") == "integer" else "any"
    return {"min": field.schema.get("minimum"), "max": field.schema.get("maximum"), "step": step}


TYPES: Mapping[TypeName, FieldType] = {
    "text": FieldType(_one(_scalar), attrs=lambda field: {"maxlength": field.schema.get("maxLength")}),
    "textarea": FieldType(_one(_scalar)),
    "number": FieldType(_one(_scalar), attrs=_number_attrs),
    "date": FieldType(_one(_scalar)),
    "file": FieldType(_one(lambda field, text: text)),
    "select": FieldType(_one(_select)),
    "boolean": FieldType(lambda field, texts: is_on(texts), bool, "checkbox"),
    "checkboxes": FieldType(_checkboxes, lambda value: value or []),
    "several": FieldType(_several, lambda value: value or [], "checkboxes"),
    "lines": FieldType(
        _lines, lambda value: "\n".join(map(str, value)) if isinstance(value, list | tuple) else "", "textarea"
    ),
    "json": FieldType(
        _one(_json),
        lambda value: "" if value is None else msgspec.json.format(msgspec.json.encode(value), indent=2).decode(),
        "textarea",
    ),
}
