"""Bodies and query strings as typed structs, strictly: what does not fit is refused with the place where it is."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from holdgate.api.endpoints import JSON
from holdgate.core.errors import AppError, Invalid, UnsupportedMedia
from holdgate.core.text.shape import json_problem
from holdgate.core.text.storable import NUL, has_half, holds_nul, place_of
from holdgate.web.errors import MISSING_FIELD
from holdgate.web.http.request import WebRequest

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

PLACE = " - at `$"
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
MAX_LINE = 1024 * 1024


class Malformed(AppError):
    status = 400
    title = "Not JSON"


def content_type(request: WebRequest, *allowed: str) -> str:
    """The body's media type. Raises UnsupportedMedia unless it is one of `allowed`."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise UnsupportedMedia(f"Send {' or '.join(allowed)}, and say so in Content-Type.")
    return given


async def read_json(request: WebRequest, kind: type[T]) -> T:
    """The JSON body.

    Raises:
        UnsupportedMedia, Malformed; Invalid: with the place that does not fit.
    """
    content_type(request, JSON)
    return decode(await request.body(), kind)


def decode(text: bytes, kind: type[T], within: str = "") -> T:
    """`text` as `kind`. `within` goes before the places in refusals: `tasks[3]`."""
    if problem := json_problem(text, many=True):  # a batch may hold many; each payload is looked at
        raise Malformed(problem)
    try:
        found = msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise misfit(str(error), within) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if SURROGATE.search(text) and (place := _place_of_half(text)) is not None:
            sentence = "A text contains half of a character (a lone surrogate), which can’t be stored."
            raise Invalid(sentence, {f"{within}{place}".lstrip("."): "Remove the lone surrogate."}) from error
        raise Malformed(f"The body is not JSON: {error}.") from error
    if NUL in text and holds_nul(msgspec.json.decode(text)):
        raise Invalid("A text contains a NUL character, which can’t be stored.", {within: "Remove \\u0000."})
    return found


def _place_of_half(text: bytes) -> str | None:
    """Where the first text with a lone surrogate is; None: there is none, or it is no JSON either."""
    try:
        return place_of(json.loads(text), has_half)
    except (ValueError, RecursionError):
        return None


def misfit(problem: str, within: str = "") -> Invalid:
    """msgspec's sentence as a refusal that names the place."""
    sentence, _, place = problem.partition(PLACE)
    path = f"{within}{place.rstrip('`.')}".lstrip(".")
    if missing := MISSING_FIELD.search(sentence):
        path, sentence = f"{path}.{missing[1]}".lstrip("."), "This is missing."
    return Invalid("The request body is invalid.", {path: sentence})


def read_query(request: WebRequest, kind: type[S]) -> S:
    """The query string. Raises Invalid for what does not fit, and for parameters that do not exist."""
    given: dict[str, Any] = dict(request.query_params.items())
    known = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
    unknown = {f"?{name}": "Unknown parameter." for name in given if name not in known}
    twice = {f"?{name}": "This may be given once." for name in known if len(request.query_params.getall(name, [])) > 1}
    if unknown or twice:
        raise Invalid("The URL has invalid parameters.", {**unknown, **twice})
    if any("\0" in value for value in given.values()):
        raise Invalid("A parameter holds a NUL character.", {f"?{n}": "NUL" for n, v in given.items() if "\0" in v})
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        sentence, _, place = str(error).partition(PLACE)
        raise Invalid("The URL has invalid parameters.", {f"?{place.strip('.`')}": sentence}) from error


async def read_lines(request: WebRequest) -> AsyncIterator[bytes]:
    """A body's lines as they arrive, without empty ones; never more than one of them in memory."""
    rest = b""
    async for piece in request.stream():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > MAX_LINE:
            raise Malformed("A line is longer than 1 MB.")
    if rest.strip():
        yield rest
