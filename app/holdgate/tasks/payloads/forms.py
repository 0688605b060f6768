"""A kind's payload as a form: fields from its JSON schema, and what was sent as plain data with a sentence per field.

Scalars, choices, lists of scalars and nested structs get fields of their own; whatever else a schema can say (maps,
unions, free JSON) gets one field that takes JSON. Names are paths: `p.crop.left`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.text.shape import DEEP

PREFIX = "p"
DEEPEST = 4  # structs inside of structs; what lies deeper is JSON
MISSING = "Please fill this in."
SHORT = {"api", "css", "csv", "html", "http", "id", "json", "pdf", "sql", "url", "utc", "xml"}  # not words


class PayloadField(msgspec.Struct, frozen=True, kw_only=True):
    """A control. `type`: text, textarea, number, checkbox, select, checkboxes, lines, json, date, or group of `fields`.

    `default` is shown as what an empty field means; `schema` is the field's own, resolved.
    """

    name: str
    key: str
    label: str
    type: str
    required: bool
    hint: str
    schema: Mapping[str, Any]
    options: Sequence[str] = ()
    default: Any = None
    fields: Sequence["PayloadField"] = ()

    @property
    def control(self) -> str:
        """What `ui.field` calls it."""
        return {"lines": "textarea", "json": "textarea"}.get(self.type, self.type)

    @property
    def attrs(self) -> dict[str, Any]:
        """For the browser's own check."""
        if self.type == "number":
            step = "1" if self.schema.get("type") == "integer" else "any"
            return {"min": self.schema.get("minimum"), "max": self.schema.get("maximum"), "step": step}
        if self.type == "text":
            return {"maxlength": self.schema.get("maxLength")}
        return {}


def fields_of(schema: Mapping[str, Any]) -> list[PayloadField]:
    """The fields of a payload's schema (`Kind.schema()`). None: it is no struct, so only JSON will do."""
    definitions = schema.get("$defs", {})
    return _fields(_resolved(schema, definitions), definitions, PREFIX, DEEPEST)


def _fields(schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str, depth: int) -> list[PayloadField]:
    needed = schema.get("required", ())
    return [
        _field(f"{path}.{key}", key, each, definitions, key in needed, depth)
        for key, each in schema.get("properties", {}).items()
    ]


def _field(
    name: str, key: str, given: Mapping[str, Any], definitions: Mapping[str, Any], required: bool, depth: int
) -> PayloadField:
    schema = _resolved(_without_null(given), definitions)
    kind, options = _control(schema, depth)
    inner = _fields(schema, definitions, name, depth - 1) if kind == "group" else []
    return PayloadField(
        name=name,
        key=key,
        label=_label(key),
        type=kind,
        required=required and kind not in ("checkbox", "checkboxes", "lines"),
        hint=_hint(given, schema, kind),
        schema=schema,
        options=options,
        default=given.get("default"),
        fields=inner,
    )


def _label(key: str) -> str:
    """`max_bytes` → `Max bytes`, `apply_url` → `Apply URL`."""
    first, *rest = [word.upper() if word in SHORT else word for word in key.split("_")]
    return " ".join([first[:1].upper() + first[1:], *rest])


def _control(schema: Mapping[str, Any], depth: int) -> tuple[str, Sequence[str]]:
    type = schema.get("type")
    items = schema.get("items") or {}
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        return "select", schema["enum"]
    if type == "object" and schema.get("properties") and depth > 1:
        return "group", ()
    if type == "array" and isinstance(items, dict):
        if "enum" in items and all(isinstance(each, str) for each in items["enum"]):
            return "checkboxes", items["enum"]
        if items.get("type") in ("string", "integer", "number"):
            return "lines", ()
    if type == "string":
        if schema.get("format") == "date":
            return "date", ()
        return ("text" if schema.get("maxLength", 10_000) <= 4000 or "format" in schema else "textarea"), ()
    if type in ("integer", "number"):
        return "number", ()
    return ("checkbox" if type == "boolean" else "json"), ()


def _hint(given: Mapping[str, Any], schema: Mapping[str, Any], kind: str) -> str:
    parts = [str(given.get("description") or schema.get("description") or "")]
    if kind == "lines":
        parts.append("One on each line.")
    if kind == "json" and "JSON" not in parts[0]:
        parts.append("As JSON.")
    default = given.get("default")
    nothing = default is None or default == "" or (isinstance(default, (list, tuple, dict)) and not default)
    if not nothing and kind not in ("checkbox", "checkboxes", "select"):
        shown = ", ".join(map(str, default or ())) if kind == "lines" else default
        parts.append(f"Empty: {shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()}.")
    return " ".join(part for part in parts if part)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = {**definitions[schema["$ref"].rsplit("/", 1)[1]], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one thing it is beside null; a real union stays as it is."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return options[0] if len(options) == 1 else schema


# From data to what the controls show, and back


def values_of(fields: Sequence[PayloadField], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Field name → what its control shows of a payload."""
    found: dict[str, Any] = {}
    for field in fields:
        value = payload.get(field.key, field.default if field.type in ("checkbox", "checkboxes", "select") else None)
        if field.type == "group":
            found |= values_of(field.fields, value if isinstance(value, Mapping) else {})
        elif field.type == "lines":
            found[field.name] = "\n".join(map(str, value)) if isinstance(value, list) else ""
        elif field.type == "json":
            given = field.key in payload
            found[field.name] = msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if given else ""
        elif field.type in ("checkbox", "checkboxes"):
            found[field.name] = value or (False if field.type == "checkbox" else [])
        else:
            found[field.name] = "" if value is None else value
    return found


class SentPayload(msgspec.Struct, frozen=True):
    """What came back: plain data, and a sentence for every field that does not fit."""

    payload: dict[str, Any]
    values: dict[str, Any]
    errors: dict[str, str]


def read_fields(fields: Sequence[PayloadField], sent: Mapping[str, Sequence[str]]) -> SentPayload:
    """Args:
    sent: field name → all values of that name, as a form sends them.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    payload = _read(fields, sent, values, errors)
    return SentPayload(payload, values, errors)


def _read(
    fields: Sequence[PayloadField], sent: Mapping[str, Sequence[str]], values: dict[str, Any], errors: dict[str, str]
) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for field in fields:
        if field.type == "group":
            # One that may be left out is there once something in it is filled in.
            if field.required or _anything(field.fields, sent):
                payload[field.key] = _read(field.fields, sent, values, errors)
            else:
                _read(field.fields, sent, values, {})
            continue
        texts = [text.replace("\r\n", "\n").replace("\r", "\n") for text in sent.get(field.name, ())]
        values[field.name] = _shown(field, texts)
        try:
            value = _value(field, texts)
        except ValueError as problem:
            errors[field.name] = str(problem)
            continue
        if value is not None:
            payload[field.key] = value
        elif field.required:
            errors[field.name] = MISSING
    return payload


def _anything(fields: Sequence[PayloadField], sent: Mapping[str, Sequence[str]]) -> bool:
    # A select always sends something, so it alone does not count.
    return any(
        _anything(field.fields, sent)
        if field.type == "group"
        else field.type != "select" and any(text.strip() for text in sent.get(field.name, ()))
        for field in fields
    )


def _shown(field: PayloadField, texts: Sequence[str]) -> Any:
    if field.type == "checkboxes":
        return list(texts)
    return bool(texts) if field.type == "checkbox" else (texts[0] if texts else "")


def _value(field: PayloadField, texts: Sequence[str]) -> Any:
    """Raises ValueError with a sentence. None: it was left empty."""
    if field.type == "checkbox":
        return bool(texts)
    if field.type == "checkboxes":
        if any(text not in field.options for text in texts):
            raise ValueError("Choose from what is offered.")
        return list(texts)
    text = texts[0] if texts else ""
    if "\0" in text:
        raise ValueError("This holds a character that cannot be stored.")
    if field.type == "lines":
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        items = field.schema.get("items") or {}
        if not lines:
            return None
        most = field.schema.get("maxItems")
        if most is not None and len(lines) > most:
            raise ValueError(f"At most {most}, please.")
        return [_scalar(items, line) for line in lines]
    if text.strip() == "":
        return None
    if field.type == "json":
        try:
            return msgspec.json.decode(text)
        except RecursionError:
            raise ValueError(DEEP) from None
        except msgspec.MsgspecError as error:
            raise ValueError(f"This is not JSON: {error}.") from None
    if field.type == "select" and text not in field.options:
        raise ValueError("Choose one of the offered values.")
    return _scalar(field.schema, text if field.type == "textarea" else text.strip())


def _scalar(schema: Mapping[str, Any], text: str) -> Any:
    type = schema.get("type")
    if type in ("integer", "number"):
        return _number(schema, text.strip())
    if len(text) < schema.get("minLength", 0):
        raise ValueError(f"At least {schema['minLength']} characters, please.")
    if len(text) > schema.get("maxLength", len(text)):
        raise ValueError(f"At most {schema['maxLength']} characters, please.")
    if "pattern" in schema and not re.search(schema["pattern"], text):
        raise ValueError(f"“{text[:60]}” has not the expected form.")
    try:
        if schema.get("format") == "uuid":
            UUID(text)
        elif schema.get("format") == "date":
            date.fromisoformat(text)
    except ValueError:
        raise ValueError("This is not a valid id." if schema["format"] == "uuid" else "Must be a date.") from None
    return text


def _number(schema: Mapping[str, Any], text: str) -> int | float:
    try:
        value: int | float = int(text) if re.fullmatch(r"[+-]?\d{1,19}", text) else float(text)
    except ValueError:
        raise ValueError("Must be a number.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("Must be a number.")
    if schema.get("type") == "integer" and not isinstance(value, int):
        raise ValueError("Must be a whole number.")
    if value < schema.get("minimum", value):
        raise ValueError(f"Must be {schema['minimum']} or more.")
    if value > schema.get("maximum", value):
        raise ValueError(f"Must be {schema['maximum']} or less.")
    return value


def field_of(path: str, fields: Sequence[PayloadField]) -> str:
    """The control that msgspec's `$.crop.left` is about; empty: the payload as a whole."""
    wanted = PREFIX + re.sub(r"\[.*", "", path.removeprefix("$"))
    best = ""
    for field in fields:
        if wanted == field.name or wanted.startswith(field.name + "."):
            best = (field_of(path, field.fields) or field.fields[0].name) if field.fields else field.name
    return best
