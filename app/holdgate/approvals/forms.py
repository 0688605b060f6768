"""Forms that an approval request carries: fields with their present values, and reading what a person sent back."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from holdgate.core import file_types
from holdgate.core.errors import Invalid
from holdgate.core.forms import bounds, fields, schema
from holdgate.core.forms.fields import MISSING, Field, TypeName
from holdgate.core.text.typed import plain_of, schema_of
from holdgate.tasks.payloads.artifact import StoredArtifact

MOST_BYTES = 10_000_000  # of an uploaded file
UPLOADED = tuple(file_types.SUFFIXES)  # the types of files that can be uploaded
NO_FILES: Mapping[tuple[str, str], StoredArtifact] = MappingProxyType({})
MAX_TEXT = 50_000  # characters of one answer
_LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength", "pattern",
           "errorMessage")  # fmt: skip
_LIMITS_OF_FILES = ("accept", "maxBytes")
_LIMITS_OF_LISTS = ("minItems", "maxItems", "items")


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field. `value` is what it shows at first; `options` are the choices; `most` counts characters.

    `limits` are further ones, by their names in JSON Schema; `whole` numbers only. `empty` is what stands for no text.
    """

    name: str
    label: str
    type: TypeName = "text"
    required: bool = False
    options: tuple[str, ...] = ()
    value: Any = ""
    hint: str = ""
    most: int = MAX_TEXT
    limits: dict[str, Any] = {}
    whole: bool = False
    empty: str | None = ""

    @property
    def field(self) -> Field:
        """As the engine of all forms knows it (core/forms)."""
        limits: dict[str, Any] = {"maxLength": self.most, **self.limits}
        if self.type == "number":
            limits = {"type": "integer" if self.whole else "number", **self.limits}
        if self.type == "date":
            limits = {"format": "date", **limits}
        return Field(
            name=self.name,
            type=self.type,
            label=self.label,
            required=self.required,
            hint=self.hint,
            options=self.options,
            schema=limits,
        )

    @property
    def accept(self) -> Sequence[str]:
        """The types of a file that may be uploaded here, and `most_bytes` of it."""
        return self.limits.get("accept") or UPLOADED

    @property
    def most_bytes(self) -> int:
        """How large a file may be that is given here."""
        return min(int(self.limits.get("maxBytes", MOST_BYTES)), MOST_BYTES)

    @property
    def stored(self) -> Any:
        """What it shows at first; None for nothing."""
        return None if self.value == "" else self.value

    def left_empty(self) -> Any:
        """What is answered then."""
        if self.type in ("number", "date", "json", "file"):
            return None
        return [] if self.type == "lines" and self.empty == "" else self.empty


def from_type(form: type[Any], values: Any = None) -> tuple[FormField, ...]:
    """The fields of a struct, dataclass or pydantic model. Its JSON schema decides: `title`, `description`,
    `format: textarea`, `enum`. A field that is a `StoredArtifact` is uploaded (`accept`, `maxBytes`)."""
    return from_schema(schema_of(form), plain_of(values) if values is not None else {})


def from_schema(whole: Mapping[str, Any], present: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The fields of the JSON schema of an object, with their `present` values."""
    definitions = whole.get("$defs", {})
    asked = schema.resolved(whole, definitions)
    required = set(asked.get("required", ()))
    return tuple(
        _field(name, part, definitions, name in required, present.get(name, part.get("default", "")))
        for name, part in asked.get("properties", {}).items()
    )


def _field(name: str, given: dict[str, Any], definitions: dict[str, Any], required: bool, value: Any) -> FormField:
    part = schema.resolved(schema.without_null(given), definitions)
    nullable = schema.is_nullable(given)
    if {*part.get("properties", ())} == {*StoredArtifact.__struct_fields__}:  # a field of this type is uploaded
        part = {**{word: said for word, said in given.items() if word not in ("$ref", "anyOf")}, "format": "file"}
    if isinstance(part.get("items"), dict):
        part = {**part, "items": schema.resolved(part["items"], definitions)}
    kind, options = schema.type_of(part)
    limits = {word: part[word] for word in _LIMITS + _LIMITS_OF_LISTS if word in part}
    if part.get("format") in bounds.FORMATS:
        limits["format"] = part["format"]
    if part.get("format") == "file":
        kind, options, limits = "file", (), {word: part[word] for word in _LIMITS_OF_FILES if word in part}
    if kind == "text" and part.get("format") == "textarea":
        kind = "textarea"
    return FormField(
        name=name,
        label=given.get("title") or part.get("title") or name.replace("_", " ").capitalize(),
        type=kind,
        required=_needed(kind, part, required, nullable),
        options=tuple(options),
        value=value,
        hint=given.get("description") or part.get("description", ""),
        most=min(part.get("maxLength", MAX_TEXT), MAX_TEXT),
        limits=limits,
        whole=part.get("type") == "integer",
        empty=None if nullable else "",
    )


def _needed(kind: TypeName, part: Mapping[str, Any], required: bool, nullable: bool) -> bool:
    """Whether it has to be filled in: nothing else could be read as what the handler expects."""
    if kind in ("boolean", "checkboxes", "lines"):
        return False  # unticked and without a line are answers; `minItems` says otherwise
    if kind in ("number", "date"):
        return not nullable
    if kind == "select":
        return required or not (nullable or "" in part["enum"])
    if kind in ("json", "file"):
        return required
    try:
        bounds.check_text(part, "")
    except ValueError:
        return not nullable
    return required


def read(
    asked: tuple[FormField, ...], sent: Mapping[str, Any], files: Mapping[tuple[str, str], StoredArtifact] = NO_FILES
) -> dict[str, Any]:
    """The answers in what was sent (an HTML form's strings, or JSON values). What was left as shown stays exactly that.

    Args:
        files: (field, id) → what was uploaded there; of a field of this type the id is sent.

    Raises:
        Invalid: with a sentence per field; nothing of the rest is lost, the form is shown again as sent.
    """
    answers: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for each in asked:
        try:
            answers[each.name] = _answer(each, texts_of(each.field, sent.get(each.name)), files)
        except ValueError as problem:
            problems[each.name] = str(problem)
    if problems:
        raise Invalid("Some answers are missing or invalid.", problems)
    return answers


def _answer(each: FormField, texts: list[str], files: Mapping[tuple[str, str], StoredArtifact]) -> Any:
    is_file = each.type == "file"
    value = _file(each, texts, files) if is_file else fields.read(each.field, texts, each.stored)
    if value not in (None, []):
        return value
    if each.required:
        raise ValueError(MISSING)
    return each.left_empty() if value is None else value


def _file(each: FormField, texts: list[str], files: Mapping[tuple[str, str], StoredArtifact]) -> Any:
    """What was uploaded, as plain data; what was shown, if nothing was."""
    sent = texts[0] if texts else ""
    if not sent or (each.stored and sent == each.stored["id"]):
        return each.stored
    if (each.name, sent) not in files:
        raise ValueError("This file is not there. Choose it again.")
    return msgspec.to_builtins(files[each.name, sent])


def texts_of(field: Field, sent: Any) -> list[str]:
    """What a form would have sent of a JSON value; texts stay what they are."""
    if sent is None or sent is False:
        return []
    if isinstance(sent, str):
        return [sent]
    if field.type == "file":
        return [str(sent["id"])] if isinstance(sent, Mapping) and "id" in sent else []
    if field.type == "json":
        return [msgspec.json.encode(sent).decode()]
    return [str(each) for each in sent] if isinstance(sent, list | tuple) else [str(sent)]
