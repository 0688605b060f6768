"""Form data as a typed struct, with a sentence for every field that does not fit, and the form shown again."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec
from litestar.datastructures import FormMultiDict, UploadFile
from msgspec.structs import FieldInfo

from holdgate.core.errors import Invalid
from holdgate.core.forms.bounds import OFFERED, Schema, check_text
from holdgate.core.forms.fields import MISSING, Field, read, shown
from holdgate.core.forms.schema import resolved, type_of, without_null
from holdgate.web.http.request import WebRequest

T = TypeVar("T", bound=msgspec.Struct)


class Form(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A form as it was sent, or blank. `data` is None while it has `errors`.

    In templates: `ui.field("email", "Email", value=form.value("email"), error=form.error("email"))` and
    `ui.error_summary(form.errors)`.
    """

    data: T | None = None
    values: Mapping[str, Any] = {}
    errors: Mapping[str, str] = {}

    def value(self, name: str, default: Any = "") -> Any:
        return self.values.get(name, default)

    def error(self, name: str) -> str | None:
        return self.errors.get(name)

    def refused(self, problem: Invalid) -> "Form[T]":
        """The same form with what a service found wrong with it."""
        return Form(values=self.values, errors=problem.fields or {"": str(problem)})


def blank(values: Mapping[str, Any] | msgspec.Struct | None = None) -> Form[Any]:
    """A form that nobody has sent yet, with `values` filled in."""
    if isinstance(values, msgspec.Struct):
        values = msgspec.structs.asdict(values)
    return Form(values=values or {})


async def read_form(request: WebRequest, kind: type[T]) -> Form[T]:
    """The request's form data as `kind`; look at `data` and `errors`. Never raises for what a person entered.

    Texts are stripped, line ends become line feeds. An empty field takes its default, if it has one, unless it is a
    text. `list[…]` fields take every value of the name, a missing checkbox is False. Files are left out.
    """
    sent = await request.form()
    values: dict[str, Any] = {}
    fitting: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for each in _entries(kind):
        texts = [_clean(item) for item in sent.getall(each.field.name, []) if isinstance(item, str)]
        values[each.name] = shown(each.field, texts)
        try:
            value = read(each.field, texts)
            if value is None:
                value = _left_empty(each, texts)
            if value is not None:
                fitting[each.name] = msgspec.convert(value, each.hint, strict=False)
        except msgspec.ValidationError:
            errors[each.name] = OFFERED if each.field.options else "This is not valid."
        except ValueError as problem:
            errors[each.name] = str(problem)
    if errors:
        return Form(values=values, errors=errors)
    try:
        return Form(data=kind(**fitting), values=values)
    except (ValueError, TypeError) as problem:  # from __post_init__
        return Form(values=values, errors={"": str(problem)})


class _Entry(msgspec.Struct, frozen=True):
    """A field of the struct `name` is of, with its type."""

    name: str
    field: Field
    hint: Any
    is_text: bool


@cache
def _entries(kind: type[msgspec.Struct]) -> tuple[_Entry, ...]:
    whole = msgspec.json.schema(kind)
    definitions = whole.get("$defs", {})
    properties = resolved(whole, definitions).get("properties", {})
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        _entry(info, resolved(without_null(properties[info.encode_name]), definitions), definitions, hints[info.name])
        for info in msgspec.structs.fields(kind)
    )


def _entry(info: FieldInfo, schema: Schema, definitions: Mapping[str, Schema], hint: Any) -> _Entry:
    type, options = type_of(schema)
    if schema.get("type") == "array":
        type, schema = "several", {**schema, "items": resolved(schema.get("items") or {}, definitions)}
    field = Field(name=info.encode_name, type=type, required=info.required, options=options, schema=schema)
    return _Entry(info.name, field, hint, type == "text" and "format" not in schema)


def _left_empty(each: _Entry, texts: list[str]) -> str | None:
    """What an empty field says; None: its default. Raises ValueError with a sentence."""
    if not each.is_text or not texts:
        if each.field.required:
            raise ValueError(MISSING)
        return None
    if each.field.schema.get("minLength"):
        raise ValueError(MISSING)
    check_text(each.field.schema, "")
    return ""


async def uploaded(request: WebRequest, name: str) -> UploadFile | None:
    """The file of the field `name`, or None when none was chosen."""
    found: FormMultiDict = await request.form()
    file = found.get(name)
    return file if isinstance(file, UploadFile) and file.filename else None


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
