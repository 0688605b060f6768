"""Forms that a question carries: fields with their present values, and reading what a person sent back."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal

import msgspec

from app.core.errors import Invalid

MAX_TEXT = 50_000  # characters of one answer


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field. `value` is what it shows at first; `options` are a select's choices; `most` counts characters."""

    name: str
    label: str
    type: Literal["text", "textarea", "select", "boolean", "number"] = "text"
    required: bool = False
    options: tuple[str, ...] = ()
    value: Any = ""
    hint: str = ""
    most: int = MAX_TEXT


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
    if "enum" in part:
        options = tuple(str(option) for option in part["enum"])
        return FormField(name, label, "select", required, options, value, hint)
    kinds: dict[str, Literal["boolean", "number"]] = {"boolean": "boolean", "integer": "number", "number": "number"}
    if part.get("type") in kinds:
        return FormField(name, label, kinds[part["type"]], required, (), value, hint)
    kind: Literal["text", "textarea"] = "textarea" if part.get("format") == "textarea" else "text"
    most = min(part.get("maxLength", MAX_TEXT), MAX_TEXT)
    return FormField(name, label, kind, required or part.get("minLength", 0) > 0, (), value, hint, most)


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
            answers[field.name] = None if field.type == "number" else ""
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
            else:
                answers[field.name] = number
        else:
            answers[field.name] = text
    if problems:
        raise Invalid("Some answers are missing or do not fit.", problems)
    return answers


def _number(text: str) -> int | float | None:
    try:
        number = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return None
    # float() reads "nan" and "inf" too, which JSON and PostgreSQL do not know.
    return number if isinstance(number, int) or isfinite(number) else None
