"""Which type of field a JSON schema asks for."""

from collections.abc import Mapping, Sequence

from holdgate.core.forms.bounds import Schema
from holdgate.core.forms.fields import TypeName


def resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Without a reference at its top. What stands beside it comes first."""
    while "$ref" in schema:
        schema = {**definitions[schema["$ref"].rsplit("/", 1)[1]], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def without_null(schema: Schema) -> Schema:
    """The one thing it is beside null; a real union stays as it is."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return options[0] if len(options) == 1 else schema


def is_nullable(schema: Schema) -> bool:
    return without_null(schema) is not schema


def type_of(schema: Schema) -> tuple[TypeName, Sequence[str]]:
    """With its options. What is no scalar, choice or list of them is JSON."""
    kind, items = schema.get("type"), schema.get("items")
    if "enum" in schema:
        return "select", tuple(map(str, schema["enum"]))
    if kind == "array" and isinstance(items, Mapping):
        if "enum" in items:
            return "checkboxes", tuple(map(str, items["enum"]))
        if items.get("type") in ("string", "integer", "number"):
            return "lines", ()
    if kind == "string":
        return ("date" if schema.get("format") == "date" else "text"), ()
    if kind in ("integer", "number"):
        return "number", ()
    return ("boolean" if kind == "boolean" else "json"), ()
