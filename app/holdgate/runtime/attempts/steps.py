"""What a step's function returns, as it is stored: JSON text that reads back as the same value, or an error.

An effect that has happened and cannot be remembered must not happen again: these errors are permanent. What can be
known before the function runs is refused before.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from holdgate.core.text.storable import Unstorable, json_of, storable_text
from holdgate.core.text.typed import decode_as
from holdgate.runtime.errors import PermanentError

MOST_NAME = 500  # bytes: names are keys of an index
TWICE = (
    "The step {name!r} is there already: the second one would never run, and be given the result of the first. Give "
    'each step a name of its own; in a loop say which one it is, as in f"page-{{n}}".'
)


def check_name(name: str) -> None:
    """Raises PermanentError for a name that no step can have."""
    if len(storable_text(name).encode()) > MOST_NAME or storable_text(name) != name:
        raise PermanentError(
            f"{storable_text(name, 60)!r} can't be a step's name. Use at most {MOST_NAME} bytes, without NUL "
            "characters and lone surrogates."
        )


def returned(name: str, function: Callable[..., Any]) -> Any:
    """The type that the function says it returns; Any where it says nothing.

    Raises:
        PermanentError: a type that nothing can be read as.
    """
    while isinstance(function, partial):
        function = function.func
    if not hasattr(function, "__annotations__"):  # an object that is called
        function = type(function).__call__
    try:
        wanted = get_type_hints(function).get("return", Any)
        if get_origin(wanted) in (Awaitable, Coroutine):  # of a plain function that hands on what is awaited
            wanted = get_args(wanted)[-1]
        msgspec.json.Decoder(wanted)
    except (NameError, TypeError) as error:
        raise PermanentError(
            f"The return annotation of the step {name!r} can't be used: {error}. Annotate a type that msgspec reads."
        ) from error
    return wanted


def encode(name: str, result: Any, wanted: Any) -> str:
    """JSON text of a result. Raises PermanentError for one that would not read back as the same value."""
    try:
        return json_of(result, wanted)[0]
    except Unstorable as problem:
        raise PermanentError(f"The result of the step {name!r} {problem}") from problem


def decode(name: str, stored: str, wanted: Any) -> Any:
    """A stored result by the function's return annotation.

    Raises:
        PermanentError: the annotation is another one than when the result was stored.
    """
    try:
        return decode_as(wanted, stored)
    except msgspec.ValidationError as error:
        raise PermanentError(
            f"The stored result of the step {name!r} doesn’t match its return annotation: {error}. Change the "
            "annotation back, or retry the task and re-run its completed steps."
        ) from error
