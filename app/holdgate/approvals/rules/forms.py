"""Forms that a question carries: fields with their present values, and reading what a person sent back."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal

import msgspec

from holdgate.core.errors import Invalid

MAX_TEXT = 50_000  # characters of one answer


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field. `value` is what it shows at first; `options` are a select's choices; `most` counts characters.

    `limits` are further ones, by the names of `msgspec.Meta`; `whole` numbers only. `empty` is what stands for no text.
    """

    name: str
    label: str
    type: Literal["text", "textarea", "select", "boolean", "number"] = "text"
    required: bool = False
    options: tuple[str, ...] = ()
    value: Any = ""
    hint: str = ""
    most: int = MAX_TEXT
    limits: dict[str, Any] = {}
    whole: bool = False
    empty: str | None = ""


# What a JSON schema calls them, `msgspec.Meta`, and people.
_LIMITS = {
    "minimum": ("ge", "at least {}"),
    "exclusiveMinimum": ("gt", "more than {}"),
    "maximum": ("le", "at most {}"),
    "exclusiveMaximum": ("lt", "less than {}"),
    "multipleOf": ("multiple_of", "a multiple of {}"),
    "minLength": ("min_length", "at least {} characters long"),
    "pattern": ("pattern", "of the form {}"),
}


def from_struct(form: type[msgspec.Struct], values: msgspec.Struct | None = None) -> tuple[FormField, ...]:
    """The fields of a struct type. Its JSON schema decides: `title`, `description`, `format: textarea`, `enum`."""
    (_, *_), components = msgspec.json.schema_components([form])
    schema = next(iter(components.values()))
    present = msgspec.to_builtins(values) if values is not None else {}
    required = set(schema.get("required", ()))
    return tuple(
        _field(name, part, name in required, present.get(name, part.get("default", "")))
        for name, part in schema["properties"].items()
    )


def _field(name: str, part: dict[str, Any], required: bool, value: Any) -> FormField:
    label = part.get("title", name.replace("_", " ").capitalize())
    hint = part.get("description", "")
    kinds = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    nullable = len(part.get("anyOf", ())) > len(kinds) == 1
    if nullable:
        part = kinds[0]
    empty = None if nullable else ""
    if "enum" in part:
        options = tuple(str(option) for option in part["enum"])
        needed = required or not (nullable or "" in options)
        return FormField(name, label, "select", needed, options, value, hint, empty=empty)
    if part.get("type") == "boolean":
        return FormField(name, label, "boolean", required, (), value, hint)
    limits = {meta: part[word] for word, (meta, _) in _LIMITS.items() if word in part}
    if part.get("type") in ("integer", "number"):
        whole = part["type"] == "integer"
        return FormField(name, label, "number", not nullable, (), value, hint, limits=limits, whole=whole)
    kind: Literal["text", "textarea"] = "textarea" if part.get("format") == "textarea" else "text"
    most = min(part.get("maxLength", MAX_TEXT), MAX_TEXT)
    needed = required or not (nullable or _within("", str, limits))
    return FormField(name, label, kind, needed, (), value, hint, most, limits, empty=empty)


def _within(value: Any, kind: Any, limits: dict[str, Any]) -> bool:
    try:
        msgspec.convert(value, Annotated[kind, msgspec.Meta(**limits)])
    except msgspec.ValidationError:
        return False
    return True


def read(fields: tuple[FormField, ...], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The answers in what was sent (an HTML form's strings, or JSON values).

    Raises:
        Invalid: with a sentence per field; nothing of the rest is lost, the form is shown again as sent.
    """
    answers: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in fields:
        raw = sent.get(field.name)
        text = "" if raw is None else str(raw).replace("\r\n", "\n").strip()
        if field.type == "boolean":
            answers[field.name] = raw is True or text.lower() in ("on", "true", "yes", "1")
        elif not text:
            if field.required:
                problems[field.name] = f"Please fill in {field.label!r}."
            answers[field.name] = None if field.type == "number" else field.empty
        elif len(text) > field.most:
            problems[field.name] = f"{field.label!r} is too long: {len(text):,} of at most {field.most:,} characters."
        elif "\0" in text:
            problems[field.name] = f"{field.label!r} holds a character that cannot be stored."
        elif field.type == "select" and text not in field.options:
            problems[field.name] = f"Please choose one of: {', '.join(field.options)}."
        elif field.type == "number":
            number = _number(text)
            if number is None:
                problems[field.name] = f"{field.label!r} must be a number."
            elif not _within(number, int if field.whole else float, field.limits):
                problems[field.name] = _wanted(field)
            else:
                answers[field.name] = number
        elif not _within(text, str, field.limits):
            problems[field.name] = _wanted(field)
        else:
            answers[field.name] = text
    if problems:
        raise Invalid("Some answers are missing or do not fit.", problems)
    return answers


def _wanted(field: FormField) -> str:
    words = [said.format(field.limits[meta]) for meta, said in _LIMITS.values() if meta in field.limits]
    return f"{field.label!r} must be {' and '.join((['a whole number'] if field.whole else []) + words)}."


def _number(text: str) -> int | float | None:
    try:
        number = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return None
    # float() reads "nan" and "inf" too, which JSON and PostgreSQL do not know.
    return number if isinstance(number, int) or isfinite(number) else None
