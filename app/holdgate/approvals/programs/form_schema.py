"""The form of a program's request: the part of JSON Schema that our forms know. Everything else is refused by place."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypeAlias

import msgspec

from holdgate.approvals import forms
from holdgate.approvals.forms import FormField, texts_of
from holdgate.core.forms import fields, schema

Problems: TypeAlias = dict[str, str]
Part: TypeAlias = Mapping[str, Any]

MOST_FIELDS = 50
MOST_OPTIONS = 200
LONGEST_NAME, LONGEST_LABEL, LONGEST_HINT = 100, 200, 2000
MOST_REFERENCES = 10
FORMATS = ("date", "date-time", "uuid", "textarea", "file")
WHOLE_SCHEMA = {
    "type", "properties", "required", "title", "description", "additionalProperties", "$defs", "$schema", "$id",
}  # fmt: skip
WORDS = {"type", "title", "description", "default", "examples", "enum"}
# No `pattern`: one that is written for it takes a computer hours, and here somebody else's.
BY_TYPE: dict[str, set[str]] = {
    "string": {"minLength", "maxLength", "format", "accept", "maxBytes"},
    "integer": {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"},
    "number": {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"},
    "boolean": set(),
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
}


def read(form: dict[str, Any] | None, values: dict[str, Any], problems: Problems) -> tuple[FormField, ...]:
    """The fields of a form with what they show at first. What does not fit is added to `problems`, by its place."""
    if form is None:
        problems |= {f"values.{name}": "There is no form, so no values." for name in values}
        return ()
    found: Problems = {}
    parts = _parts(form, found)
    known = parts.keys() & values.keys()
    found |= {f"values.{name}": "The form has no such field." for name in values if name not in parts}
    problems |= found
    if found:
        return ()
    flat = {**form, "properties": parts}
    made = forms.from_schema(flat, {name: values[name] for name in known if values[name] is not None})
    for field in made:
        place = f"values.{field.name}" if field.name in known else f"form.properties.{field.name}.default"
        if field.value != "" and (problem := _value_problem(field)):
            problems[place] = problem
    return made


def _parts(form: Part, problems: Problems) -> dict[str, Any]:
    """The properties, checked, with their references resolved."""
    _unknown(form, WHOLE_SCHEMA, "form", problems)
    if form.get("type", "object") != "object":
        problems["form.type"] = "A form is an object, with a property for each field."
        return {}
    properties, definitions = form.get("properties"), form.get("$defs", {})
    if not isinstance(properties, dict) or not properties:
        problems["form.properties"] = "Name at least one field."
        return {}
    if not isinstance(definitions, dict):
        problems["form.$defs"] = "This must be an object."
        return {}
    if len(properties) > MOST_FIELDS:
        problems["form.properties"] = f"At most {MOST_FIELDS} fields."
        return {}
    required = form.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) and name in properties for name in required):
        problems["form.required"] = "This must be a list of names of fields."
    found = {}
    for name, part in properties.items():
        place = f"form.properties.{name}"
        if not 1 <= len(name) <= LONGEST_NAME or set(".[]/~") & set(name) or not name.isprintable():
            problems["form.properties"] = f"A field’s name has 1 to {LONGEST_NAME} characters, none of . [ ] / and ~."
            continue
        flat = _resolved(part, definitions, place, problems)
        if flat is not None:
            inner = schema.without_null(flat)
            _check_part(inner, definitions, place, problems)
            found[name] = flat
    return found


def _resolved(part: Any, definitions: Part, place: str, problems: Problems) -> dict[str, Any] | None:
    """A property without references: its own, that of the one thing it is beside null, and of its items."""
    flat = _followed(part, definitions)
    if flat is not None and isinstance(flat.get("anyOf"), list):
        options = [_followed(each, definitions) for each in flat["anyOf"]]
        real = [each for each in options if each is not None and each.get("type") != "null"]
        if len(real) == 1 and len(options) == 2 and None not in options:
            rest = {name: value for name, value in flat.items() if name != "anyOf"}
            _unknown(rest, WORDS - {"type", "enum"}, place, problems)
            return {**rest, "anyOf": [_with_items(real[0], definitions), {"type": "null"}]}
        problems[f"{place}.anyOf"] = "Only one type, or one and null, can be shown as a field."
        return None
    if flat is None:
        problems[place] = "This must be a schema, or a reference into $defs of this form."
        return None
    return _with_items(flat, definitions)


def _with_items(part: dict[str, Any], definitions: Part) -> dict[str, Any]:
    if "items" not in part:
        return part
    return {**part, "items": _followed(part["items"], definitions) or part["items"]}


def _followed(part: Any, definitions: Part) -> dict[str, Any] | None:
    """None: it is no schema, or its references lead nowhere."""
    for _ in range(MOST_REFERENCES):
        if not isinstance(part, dict):
            return None
        if "$ref" not in part:
            return part
        start, _, name = str(part["$ref"]).rpartition("/")
        if start != "#/$defs" or not isinstance(definitions.get(name), dict):
            return None
        part = {**definitions[name], **{key: value for key, value in part.items() if key != "$ref"}}
    return None


def _check_part(part: Part, definitions: Part, place: str, problems: Problems, *, item: bool = False) -> None:
    """One property, or the items of one."""
    kind = part.get("type")
    if kind is None and "enum" in part:
        kind = "enum"
    allowed = BY_TYPE.get(kind, set()) if isinstance(kind, str) else set()
    if kind != "enum" and (not isinstance(kind, str) or kind not in BY_TYPE or (item and kind in ("array", "boolean"))):
        known = [name for name in BY_TYPE if not (item and name in ("array", "boolean"))]
        problems[f"{place}.type"] = f"This type can’t be shown as a field. Use {', '.join(known)} or enum."
        return
    _unknown(part, WORDS | allowed, place, problems)
    for name, most in (("title", LONGEST_LABEL), ("description", LONGEST_HINT)):
        if name in part and not (isinstance(part[name], str) and len(part[name]) <= most):
            problems[f"{place}.{name}"] = f"This must be a text of at most {most:,} characters."
    for name in allowed & part.keys():
        check = CHECKS.get(name)
        if check is not None and not check[0](part[name]):
            problems[f"{place}.{name}"] = check[1]
    for low, high in (("minLength", "maxLength"), ("minimum", "maximum"), ("minItems", "maxItems")):
        if low in part and high in part and _number(part[low]) and _number(part[high]) and part[low] > part[high]:
            problems[f"{place}.{low}"] = f"This is more than {high}, so nothing would fit."
    if "enum" in part and (problem := _enum_problem(part["enum"])):
        problems[f"{place}.enum"] = problem
    if item and "format" in part:
        problems[f"{place}.format"] = "The items of a list have no format here."
    if kind == "array":
        _check_items(part, definitions, place, problems)


def _check_items(part: Part, definitions: Part, place: str, problems: Problems) -> None:
    items = part.get("items")
    if not isinstance(items, dict):
        problems[f"{place}.items"] = "Say what the items are: string, integer, number or enum."
        return
    _check_part(items, definitions, f"{place}.items", problems, item=True)
    if part.get("uniqueItems") and "enum" not in items:
        problems[f"{place}.uniqueItems"] = "Only for items with an enum: those are chosen once."


def _enum_problem(options: Any) -> str | None:
    if not isinstance(options, list) or not 1 <= len(options) <= MOST_OPTIONS:
        return f"This must be a list of 1 to {MOST_OPTIONS} choices."
    if not all((isinstance(each, str) and 1 <= len(each) <= LONGEST_LABEL) or _number(each) for each in options):
        return f"A choice is a number, or a text of 1 to {LONGEST_LABEL} characters."
    if len({str(each) for each in options}) < len(options):
        return "Two choices look the same."
    return None


def _unknown(part: Part, allowed: set[str], place: str, problems: Problems) -> None:
    problems |= {
        f"{place}.{name}": "Forms do not know this keyword here. Leave it out." for name in part.keys() - allowed
    }


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= forms.MAX_TEXT


_A_NUMBER = (_number, "This must be a number.")
_A_COUNT = (_count, f"This must be a whole number from 0 to {forms.MAX_TEXT:,}.")
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), _A_NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _A_COUNT),
    "multipleOf": (lambda value: _number(value) and value > 0, "This must be a number greater than 0."),
    "format": (lambda value: value in FORMATS, f"Known formats are {', '.join(FORMATS)}."),
    "accept": (
        lambda value: isinstance(value, list) and bool(value) and set(value) <= set(forms.UPLOADED),
        f"This must be a list of {', '.join(forms.UPLOADED)}.",
    ),
    "maxBytes": (
        lambda value: _number(value) and 1 <= value <= forms.MOST_BYTES,
        f"This must be a number of bytes, at most {forms.MOST_BYTES:,}.",
    ),
    "uniqueItems": (lambda value: isinstance(value, bool), "This must be true or false."),
}

_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "boolean": (lambda value: isinstance(value, bool), "This must be true or false."),
    "number": (_number, "This must be a number."),
    "select": (lambda value: isinstance(value, str) or _number(value), "This must be one of the choices."),
    **dict.fromkeys(("checkboxes", "lines"), (lambda value: isinstance(value, list), "This must be a list.")),
}
_TEXT = (lambda value: isinstance(value, str), "This must be a text.")


def _value_problem(field: FormField) -> str | None:
    """What is wrong with what a field shows at first."""
    fits, sentence = _SHAPES.get(field.type, _TEXT)
    if not fits(field.value):
        return sentence
    if field.type == "file":
        return "A file is for people to upload, so leave this out."
    try:
        fields.read(field.field, texts_of(field.field, field.value))
    except (ValueError, msgspec.ValidationError) as problem:
        return str(problem)
    return None
