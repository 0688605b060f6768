"""Values of developers' types as plain JSON data and back: structs, dataclasses and pydantic models, everywhere alike.

pydantic is the developer's own: it is asked where it is loaded, and never loaded here.
"""

import re
import sys
from typing import Any, Literal

import msgspec

# msgspec says where in its own data a hook has failed, behind what the hook said of its part.
_INNER = re.compile(r" - at `\$([^`]*)` - at `(\$[^`]*)`$")


def plain_of(value: Any, *, str_keys: bool = False, order: Literal["deterministic"] | None = None) -> Any:
    """The value as texts, numbers, null, lists and dicts. Raises TypeError for what has no such form."""
    return msgspec.to_builtins(value, str_keys=str_keys, order=order, enc_hook=encode_hook)


def read_as(kind: Any, plain: Any, *, strict: bool = True) -> Any:
    """Plain data as a value of this type. Raises msgspec.ValidationError, which ends with a place: at `$.crop.left`."""
    try:
        return msgspec.convert(plain, kind, strict=strict, dec_hook=_decode_hook)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(_one_place(str(error))) from error


def decode_as(kind: Any, text: str | bytes) -> Any:
    """JSON as a value of this type. Raises as `read_as`, and msgspec.DecodeError for what is no JSON."""
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=_decode_hook)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(_one_place(str(error))) from error


def schema_of(kind: Any) -> dict[str, Any]:
    """The type's JSON schema, with every definition at its top. Raises TypeError for a type without one."""
    found = msgspec.json.schema(kind, schema_hook=_schema_hook)
    definitions: dict[str, Any] = {}
    _hoist(found, definitions)
    return {**found, "$defs": definitions} if definitions else found


def encode_hook(value: Any) -> Any:
    """For msgspec: what of the value it can write. JSON keeps of a subclass of its own types what that is based on."""
    if _is_model(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    for base in (str, int, float):  # numpy's floats, marked-up texts
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"{type(value).__name__} is no type of JSON")


def _decode_hook(kind: Any, plain: Any) -> Any:
    if not _is_model(kind):
        raise TypeError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(plain).__name__}`")
    try:
        # As JSON, so that a strict model takes a date's text.
        return kind.model_validate_json(msgspec.json.encode(plain))
    except ValueError as error:
        told: Any = error
        first = told.errors()[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise ValueError(f"{first['msg']} - at `${place}`") from error


def _schema_hook(kind: Any) -> dict[str, Any]:
    if not _is_model(kind):
        raise NotImplementedError
    schema: dict[str, Any] = kind.model_json_schema()
    return schema


def _is_model(kind: Any) -> bool:
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return base is not None and isinstance(kind, type) and issubclass(kind, base)


def _one_place(sentence: str) -> str:
    return _INNER.sub(r" - at `\2\1`", sentence)


def _hoist(schema: Any, definitions: dict[str, Any]) -> None:
    if isinstance(schema, dict):
        found = schema.pop("$defs", {})
        definitions |= found
        for each in (*found.values(), *schema.values()):
            _hoist(each, definitions)
    elif isinstance(schema, list):
        for each in schema:
            _hoist(each, definitions)
