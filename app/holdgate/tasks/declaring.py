"""What `@kind` looks at when a kind is declared: what no worker could work by is refused where it is written."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, get_type_hints

from holdgate.core.settings.types import QUEUE_NAME
from holdgate.core.text.typed import schema_of
from holdgate.tasks.requests import MOST_ATTEMPTS

MOST_AT_ONCE = 1_000_000
LONGEST = timedelta(days=365)
RunsIn = Literal["loop", "thread", "process"]
KIND_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
FORMS = {
    "loop": "async def handler(ctx: Context, payload: YourType) -> …",
    "thread": "def handler(payload: YourType) -> …",
    "process": "def handler(payload: YourType) -> …",
}
# What a payload can't be: it is stored as an object, and asked for by its fields.
SCALARS = {"string", "integer", "number", "boolean", "null", "array"}


def check_name(name: str) -> None:
    if not isinstance(name, str) or not KIND_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} can't be a kind's name. Begin with a letter, then letters, digits, '_', '.', ':' and '-', "
            "at most 100."
        )


def types_of(name: str, handler: Callable[..., Any], runs_in: RunsIn) -> tuple[Any, Any]:
    """The types of a handler's payload and of its result (Any where it says nothing).

    Raises:
        TypeError: it can't be called as its kind is, or its payload can't be read from JSON.
    """
    wanted = f"The handler of {name!r} must be `{FORMS[runs_in]}`"
    if inspect.iscoroutinefunction(handler) != (runs_in == "loop"):
        other = "it is not async" if runs_in == "loop" else f'it is async, and runs_in="{runs_in}" calls it elsewhere'
        raise TypeError(f"{wanted}: {other}.")
    given = [each for each in inspect.signature(handler).parameters.values() if each.default is each.empty]
    count = 2 if runs_in == "loop" else 1
    if len(given) != count or any(
        each.kind not in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in given
    ):
        raise TypeError(f"{wanted}: it takes {inspect.signature(handler)}.")
    try:
        hints = get_type_hints(handler, include_extras=True)
    except NameError as error:
        raise TypeError(f"{wanted}, and its annotations must be there when it is declared: {error}.") from error
    if given[-1].name not in hints:
        raise TypeError(f"{wanted}: its parameter {given[-1].name!r} has no annotation.")
    payload = hints[given[-1].name]
    _check_payload(name, payload)
    return payload, hints.get("return", Any)


def _check_payload(name: str, payload: Any) -> None:
    wanted = "Use a dataclass, a msgspec struct, a pydantic model or dict[str, …]"
    try:
        schema = schema_of(payload)
    except (TypeError, ValueError, NameError) as error:
        told = str(error).strip().splitlines()[-1]
        raise TypeError(f"The payload of {name!r} can't be read from JSON: {told}. {wanted}.") from error
    if schema.get("type") in SCALARS:
        raise TypeError(f"The payload of {name!r} is {payload!r}, which is no object in JSON. {wanted}.")


def check_bounds(
    name: str,
    queue: str,
    max_attempts: int,
    timeout: timedelta,
    concurrency: int | None,
    rate: tuple[int, timedelta] | None,
    approval_ttl: timedelta | Literal["suggested"] | None = None,
) -> None:
    """What no worker could work by, or the database not store."""
    numbers = {"max_attempts": (max_attempts, MOST_ATTEMPTS)}
    if concurrency is not None:
        numbers["concurrency"] = concurrency, MOST_AT_ONCE
    if rate is not None:
        numbers["rate.count"] = rate[0], MOST_AT_ONCE
    for what, (number, most) in numbers.items():
        if type(number) is not int or not 1 <= number <= most:
            raise ValueError(f"The kind {name!r} has {what}={number!r}. Use a whole number from 1 to {most:,}.")
    times = {"timeout": timeout, **({"rate.per": rate[1]} if rate else {})}
    if isinstance(approval_ttl, timedelta):
        times["approval_ttl"] = approval_ttl
    for what, time in times.items():
        if not timedelta(milliseconds=1) <= time <= LONGEST:
            raise ValueError(f"The kind {name!r} has {what}={time!r}. Use a time from a millisecond to a year.")
    if not QUEUE_NAME.fullmatch(queue):
        raise ValueError(f"The kind {name!r} has queue={queue!r}. Use small letters, digits, - and _, at most 40.")
