"""Form data as a typed struct, with a sentence for every field that does not fit, and the form shown again."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar.datastructures import FormMultiDict, UploadFile

from holdgate.core.errors import Invalid
from holdgate.web.http.request import WebRequest

T = TypeVar("T", bound=msgspec.Struct)

MISSING = "Please fill this in."
SENTENCES = (
    (r"Expected `str` of length >= 1$", MISSING),
    (r"Expected `str` of length >= (\d+)", r"At least \1 characters, please."),
    (r"Expected `str` of length <= (\d+)", r"At most \1 characters, please."),
    (r"Expected `(?:int|float)` >= (\S+)", r"Must be \1 or more."),
    (r"Expected `(?:int|float)` <= (\S+)", r"Must be \1 or less."),
    (r"Expected `array` of length >= \d+", "Choose at least one."),
    (r"Expected `array` of length <= (\d+)", r"At most \1, please."),
    (r"Expected `(?:int|float)(?: \| null)?`", "Must be a number."),
    (r"Expected `bool`", "Must be yes or no."),
    (r"Expected `str` matching regex", "This has not the expected form."),
    (r"Invalid enum value|Invalid value", "Choose one of the offered values."),
    (r"Invalid UUID", "This is not a valid id."),
    (r"datetime|RFC3339", "Must be a date and time such as 2026-11-23T09:00Z."),
)


class Form(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A form as it was sent, or blank. `data` is None while it has `errors`.

    In templates: `ui.field("email", "E-mail", value=form.value("email"), error=form.error("email"))` and
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

    Texts are stripped, line ends become \\n. An empty field takes its default, if it has one, unless it is a text.
    `list[…]` fields take every value of the name, a missing checkbox is False. Files are left out.
    """
    sent = await request.form()
    values: dict[str, Any] = {}
    fitting: dict[str, Any] = {}
    errors: dict[str, str] = {}
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        base = _base(hint)
        given: Any
        texts = [_clean(item) for item in sent.getall(field.encode_name, []) if isinstance(item, str)]
        if base is list:
            values[field.name] = given = texts
        elif base is bool:
            values[field.name] = given = bool(texts) and texts[0].lower() in ("true", "on", "yes", "1")
        else:
            values[field.name] = given = texts[0] if texts else ""
            if given == "" and (base is not str or not texts) and not field.required:
                continue
            if given == "" and base is not str:
                errors[field.name] = MISSING
                continue
        try:
            fitting[field.name] = msgspec.convert(given, hint, strict=False)
        except msgspec.ValidationError as problem:
            errors[field.name] = _sentence(str(problem))
        if any("\0" in text for text in texts):
            errors[field.name] = "This holds a character that cannot be stored."
    if errors:
        return Form(values=values, errors=errors)
    try:
        return Form(data=kind(**fitting), values=values)
    except (ValueError, TypeError) as problem:  # from __post_init__
        return Form(values=values, errors={"": str(problem)})


async def uploaded(request: WebRequest, name: str) -> UploadFile | None:
    """The file of the field `name`, or None when none was chosen."""
    found: FormMultiDict = await request.form()
    file = found.get(name)
    return file if isinstance(file, UploadFile) and file.filename else None


def _base(hint: Any) -> Any:
    """`str` of `Annotated[str, Meta(…)] | None`, `list` of `list[str]`."""
    while get_origin(hint) in (Annotated, Union, UnionType):
        options = [arg for arg in get_args(hint) if arg is not type(None)]
        hint = options[0]
    return get_origin(hint) or hint


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _sentence(problem: str) -> str:
    for pattern, sentence in SENTENCES:
        match = re.search(pattern, problem.split(" - at `$")[0])
        if match:
            return match.expand(sentence)
    return problem
