"""What a handler of the API takes and answers, read off its annotations."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.web.http.request import WebRequest

T = TypeVar("T")


class QueryString(NamedTuple):
    """Marks a parameter that is the query string. `kind`: its type where that is made at run time."""

    kind: type[msgspec.Struct] | None = None


# `wanted: Query[RunQuery]`
Query: TypeAlias = Annotated[T, QueryString()]


class BodyReader(NamedTuple):
    """Reads a body that is more than JSON of one type: `rows: Annotated[list[Row], BodyReader(read_rows)]`. It is
    told the query string, and answers the parameter, and the body's digest where it was read as a stream."""

    read: Callable[[WebRequest, Any], Awaitable[tuple[Any, bytes | None]]]


class HandlerSignature(NamedTuple):
    """Names of parameters by what they are given; None or empty: there is none.

    Args:
        query, body: the name and the type; of `reader` the name and what reads it.
        path: those that the address names.
        answers: status → the body's type; None: the handler makes the response.
    """

    request: str | None
    user: str | None
    read: str | None
    write: str | None
    query: tuple[str, type[msgspec.Struct]] | None
    body: tuple[str, Any] | None
    reader: tuple[str, BodyReader] | None
    path: tuple[str, ...]
    answers: Mapping[int, Any]


_BY_TYPE = {WebRequest: "request", Principal: "user", ReadSession: "read", WriteSession: "write"}


def read_signature(handler: Callable[..., Any], path_names: frozenset[str]) -> HandlerSignature:
    """Raises TypeError for a parameter that nothing gives."""
    signature = inspect.signature(handler)
    found: dict[str, Any] = dict.fromkeys(HandlerSignature._fields)
    named = []
    for name, parameter in signature.parameters.items():
        kind = parameter.annotation
        marks = getattr(kind, "__metadata__", ())
        if name in path_names:
            named.append(name)
        elif kind in _BY_TYPE:
            found[_BY_TYPE[kind]] = name
        elif query := next((mark for mark in marks if isinstance(mark, QueryString)), None):
            found["query"] = (name, query.kind or get_args(kind)[0])
        elif reader := next((mark for mark in marks if isinstance(mark, BodyReader)), None):
            found["reader"] = (name, reader)
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found["body"] = (name, kind)
        else:
            raise TypeError(f"{handler.__qualname__}: nothing in a request gives {name}: {kind}")
    return HandlerSignature(**{**found, "path": tuple(named), "answers": _answers(signature.return_annotation)})


def _answers(returned: Any) -> dict[int, Any]:
    origin = get_origin(returned)
    if origin is MutationReply:
        [made] = get_args(returned)
        return {201: made, 200: made}
    if isinstance(origin or returned, type) and issubclass(origin or returned, Response):
        [body] = get_args(returned) or [None]
        return {200: body if isinstance(body, type) and issubclass(body, msgspec.Struct) else None}
    return {200: returned}
