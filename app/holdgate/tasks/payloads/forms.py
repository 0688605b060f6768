"""A kind's payload as a form: fields from its JSON schema, and what was sent as plain data with a sentence per field.

Scalars, choices, lists of scalars and nested structs get fields of their own; whatever else a schema can say (maps,
unions, free JSON) gets one field that takes JSON. Names are paths: `p.crop.left`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdgate.core.forms.bounds import Schema
from holdgate.core.forms.fields import MISSING, Field, TypeName, read, shown, write
from holdgate.core.forms.schema import resolved, type_of, without_null

PREFIX = "p"
DEEPEST = 4  # structs inside of structs; what lies deeper is JSON
SHORT = {"api", "css", "csv", "html", "http", "id", "json", "pdf", "sql", "url", "utc", "xml"}  # not words


class PayloadField(Field, frozen=True, kw_only=True):
    """A field at `key`, or a group of `fields`. `default` is shown as what an empty field means."""

    key: str
    default: Any = None
    fields: Sequence["PayloadField"] = ()


def fields_of(schema: Schema) -> list[PayloadField]:
    """The fields of a payload's schema (`Kind.schema()`). None: it is no struct, so only JSON will do."""
    definitions = schema.get("$defs", {})
    return _fields(resolved(schema, definitions), definitions, PREFIX, DEEPEST)


def _fields(schema: Schema, definitions: Mapping[str, Schema], path: str, depth: int) -> list[PayloadField]:
    needed = schema.get("required", ())
    return [
        _field(f"{path}.{key}", key, each, definitions, key in needed, depth)
        for key, each in schema.get("properties", {}).items()
    ]


def _field(
    name: str, key: str, given: Schema, definitions: Mapping[str, Schema], required: bool, depth: int
) -> PayloadField:
    schema = resolved(without_null(given), definitions)
    kind, options = type_of(schema)
    is_group = schema.get("type") == "object" and bool(schema.get("properties")) and depth > 1
    is_long = kind == "text" and schema.get("maxLength", 10_000) > 4000 and "format" not in schema
    return PayloadField(
        name=name,
        key=key,
        label=_label(key),
        type="textarea" if is_long else kind,
        exact=is_long,
        required=required and kind not in ("boolean", "checkboxes", "lines"),
        hint=_description(given, schema) if is_group else _hint(given, schema, kind),
        schema=schema,
        options=options,
        default=given.get("default"),
        fields=_fields(schema, definitions, name, depth - 1) if is_group else (),
    )


def _label(key: str) -> str:
    """`max_bytes` → `Max bytes`, `apply_url` → `Apply URL`."""
    first, *rest = [word.upper() if word in SHORT else word for word in key.split("_")]
    return " ".join([first[:1].upper() + first[1:], *rest])


def _description(given: Schema, schema: Schema) -> str:
    return str(given.get("description") or schema.get("description") or "")


def _hint(given: Schema, schema: Schema, kind: TypeName) -> str:
    parts = [_description(given, schema)]
    if kind == "lines":
        parts.append("One per line.")
    if kind == "json" and "JSON" not in parts[0]:
        parts.append("As JSON.")
    default = given.get("default")
    nothing = default is None or default == "" or (isinstance(default, (list, tuple, dict)) and not default)
    if not nothing and kind not in ("boolean", "checkboxes", "select"):
        shown = ", ".join(map(str, default or ())) if kind == "lines" else default
        parts.append(f"Empty: {shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()}.")
    return " ".join(part for part in parts if part)


# From data to what the controls show, and back


def values_of(fields: Sequence[PayloadField], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Field name → what its control shows of a payload."""
    found: dict[str, Any] = {}
    for field in fields:
        value = payload.get(field.key, field.default if field.type in ("boolean", "checkboxes", "select") else None)
        if field.fields:
            found |= values_of(field.fields, value if isinstance(value, Mapping) else {})
        else:
            found[field.name] = write(field, value)
    return found


class SentPayload(msgspec.Struct, frozen=True):
    """What came back: plain data, and a sentence for every field that does not fit."""

    payload: dict[str, Any]
    values: dict[str, Any]
    errors: dict[str, str]


def read_fields(
    fields: Sequence[PayloadField], sent: Mapping[str, Sequence[str]], old: Mapping[str, Any] | None = None
) -> SentPayload:
    """Args:
    sent: field name → all values of that name, as a form sends them.
    old: the payload that the form showed; what was left untouched stays exactly what it is there.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    payload = _read(fields, sent, old or {}, values, errors)
    return SentPayload(payload, values, errors)


def _read(
    fields: Sequence[PayloadField],
    sent: Mapping[str, Sequence[str]],
    old: Mapping[str, Any],
    values: dict[str, Any],
    errors: dict[str, str],
) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for field in fields:
        stored, texts = old.get(field.key), sent.get(field.name, ())
        if field.fields:
            inner = stored if isinstance(stored, Mapping) else {}
            # One that may be left out is there once something in it is filled in.
            if field.required or _anything(field.fields, sent):
                payload[field.key] = _read(field.fields, sent, inner, values, errors)
            else:
                _read(field.fields, sent, inner, values, {})
            continue
        values[field.name] = shown(field, texts)
        try:
            value = read(field, texts, stored)
        except ValueError as problem:
            errors[field.name] = str(problem)
            continue
        if value is not None or (field.key in old and stored is None):  # a null that was there and is left so
            payload[field.key] = value
        elif field.required:
            errors[field.name] = MISSING
    return payload


def _anything(fields: Sequence[PayloadField], sent: Mapping[str, Sequence[str]]) -> bool:
    # A select always sends something, so it alone does not count.
    return any(
        _anything(field.fields, sent)
        if field.fields
        else field.type != "select" and any(text.strip() for text in sent.get(field.name, ()))
        for field in fields
    )


def field_of(path: str, fields: Sequence[PayloadField]) -> str:
    """The control that msgspec's `$.crop.left` is about; empty: the payload as a whole."""
    wanted = PREFIX + re.sub(r"\[.*", "", path.removeprefix("$"))
    best = ""
    for field in fields:
        if wanted == field.name or wanted.startswith(field.name + "."):
            best = (field_of(path, field.fields) or field.fields[0].name) if field.fields else field.name
    return best
