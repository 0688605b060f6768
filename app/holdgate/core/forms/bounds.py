"""What a value has to be, by the keywords of JSON Schema, and the sentence when it is not."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

Schema: TypeAlias = Mapping[str, Any]

OFFERED = "Choose an option from the list."
_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (operator.ge, "at least {}"),
    "exclusiveMinimum": (operator.gt, "more than {}"),
    "maximum": (operator.le, "at most {}"),
    "exclusiveMaximum": (operator.lt, "less than {}"),
    "multipleOf": (lambda value, step: value % step == 0, "a multiple of {}"),
}
FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "uuid": (lambda text: msgspec.convert(text, UUID), "This is not a valid id."),
    "date": (date.fromisoformat, "Must be a date such as 2026-11-23."),
    "date-time": (
        lambda text: msgspec.convert(text, datetime),
        "Must be a date and time such as 2026-11-23T09:00Z.",
    ),
}


def scalar(schema: Schema, text: str) -> Any:
    """The number, choice or text that `text` stands for. Raises ValueError with a sentence, as all of these do."""
    if "enum" in schema:
        return choice(schema["enum"], text)
    if schema.get("type") in ("integer", "number"):
        return _number(schema, text)
    check_text(schema, text)
    return text


def choice(options: Any, text: str) -> Any:
    """The option that is written so."""
    for option in options:
        if str(option) == text:
            return option
    raise ValueError(OFFERED)


def check_text(schema: Schema, text: str) -> None:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    if len(text) < shortest:
        raise ValueError(f"At least {shortest:,} characters.")
    if longest is not None and len(text) > longest:
        raise ValueError(f"At most {longest:,} characters.")
    if "pattern" in schema and not re.search(schema["pattern"], text):
        raise ValueError(schema.get("errorMessage") or f"“{text[:60]}” must be of the form {schema['pattern']}.")
    if schema.get("format") in FORMATS:
        parse, sentence = FORMATS[schema["format"]]
        try:
            parse(text)
        except (ValueError, msgspec.ValidationError):
            raise ValueError(sentence) from None


def check_length(schema: Schema, values: list[Any]) -> None:
    """Of a list."""
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if len(values) < least:
        raise ValueError("Choose at least one." if least == 1 else f"Choose at least {least}.")
    if most is not None and len(values) > most:
        raise ValueError(f"At most {most:,}.")


def _number(schema: Schema, text: str) -> int | float:
    whole = schema["type"] == "integer"
    try:
        value: int | float = int(text) if re.fullmatch(r"[+-]?\d{1,19}", text) else float(text)
    except ValueError:
        raise ValueError(_wanted(schema)) from None
    # float() reads "nan" and "inf" too, which JSON and PostgreSQL do not know.
    fits = isinstance(value, int) or (isfinite(value) and not whole)
    if not fits or not all(fit(value, schema[name]) for name, (fit, _) in _LIMITS.items() if name in schema):
        raise ValueError(_wanted(schema))
    return value


def _wanted(schema: Schema) -> str:
    limits = [words.format(schema[name]) for name, (_, words) in _LIMITS.items() if name in schema]
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    return f"Must be {kind}{', ' if limits else ''}{' and '.join(limits)}."
