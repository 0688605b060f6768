"""The description of the API (OpenAPI 3.1), made from the routes' declarations and the types they read and write."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from holdgate.api.endpoints import ANY, JSON, Endpoint
from holdgate.api.idempotency import HEADER
from holdgate.api.router import PATH
from holdgate.web.errors import PROBLEM

REF = "#/components/schemas/{name}"
ALWAYS = (401, 403, 429, 500, 503)
WITH_BODY = (400, 413, 415, 422)
KINDS = {"uuid": {"type": "string", "format": "uuid"}, "str": {"type": "string"}, "int": {"type": "integer"}}
VERSION = "1"
ONCE = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Chosen by you for each change: sent again, the same answer comes and nothing happens twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


class ProblemError(msgspec.Struct, omit_defaults=True):
    """One thing that does not fit: `pointer` into the body (RFC 6901), or `parameter` of the address."""

    detail: str
    pointer: str = ""
    parameter: str = ""


class Problem(msgspec.Struct):
    """A refusal or failure (RFC 9457). `request_id` is what the server's log has, too."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[ProblemError] = []


def document(handlers: Iterable[Any], base_url: str) -> dict[str, Any]:
    routes = [handler for handler in handlers if isinstance(handler, HTTPRouteHandler) and "endpoint" in handler.opt]
    paths: dict[str, dict[str, Any]] = {}
    schemas = _Schemas(routes)
    for handler in routes:
        for path in handler.paths:
            shown = re.sub(r"\{(\w+):\w+\}", r"{\1}", PATH + path)
            [method] = handler.http_methods
            paths.setdefault(shown, {})[str(method).lower()] = _operation(handler, path, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdgate",
            "version": VERSION,
            "description": "A task queue with hold points: people sign off on what machines do. Every error is a "
            "problem (RFC 9457); lists are paged by cursor; times are RFC 3339 in UTC.",
        },
        "servers": [{"url": base_url}],
        "paths": dict(sorted(paths.items())),
        "security": [{"token": []}, {"jwt": []}],
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A personal token, `hg_…`."},
                "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "By your provider."},
            },
        },
    }


class _Schemas:
    """JSON schemas of every type that routes read and write."""

    def __init__(self, routes: Iterable[HTTPRouteHandler]) -> None:
        types: list[Any] = [Problem]
        for handler in routes:
            made: Endpoint = handler.opt["endpoint"]
            types += [t for t in (*made.answers.values(), *made.bodies.values(), made.query) if t is not None]
        self._types = list(dict.fromkeys(types))
        found, self.components = msgspec.json.schema_components(self._types, ref_template=REF)
        self._found = dict(zip(self._types, found, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._found[kind]
        return found

    def fields(self, kind: Any) -> tuple[dict[str, Any], set[str]]:
        schema = self.components[kind.__name__]
        return schema["properties"], set(schema.get("required", ()))


def _operation(handler: HTTPRouteHandler, path: str, schemas: _Schemas) -> dict[str, Any]:
    made: Endpoint = handler.opt["endpoint"]
    enough = [scope.value for scope in (made.scope, made.instead) if scope]
    body = {
        "requestBody": {
            "required": True,
            "content": {kind: _content(type_, made, kind, schemas) for kind, type_ in made.bodies.items()},
        }
    }
    return {
        "operationId": handler.opt.get("name") or handler.handler_name.rsplit(".", 1)[-1],
        "summary": made.summary,
        "description": f"Needs the scope `{'` or `'.join(enough)}`."
        + (f" {_flowing(handler.fn.__doc__)}" if handler.fn.__doc__ else ""),
        "tags": [made.tag],
        "security": [{by: [scope]} for scope in enough for by in ("token", "jwt")],
        "parameters": _parameters(made, path, schemas),
        **(body if made.bodies else {}),
        "responses": _responses(made, path, schemas),
    }


def _flowing(text: str) -> str:
    """Without the line ends of the source."""
    return " ".join(text.split())


def _content(kind: Any, made: Endpoint, media: str, schemas: _Schemas) -> dict[str, Any]:
    schema = {"type": "string"} if kind is str else schemas.of(kind)
    return {"schema": schema, **({"example": made.example} if made.example and media == JSON else {})}


def _parameters(made: Endpoint, path: str, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": KINDS[kind]}
        for name, kind in re.findall(r"\{(\w+):(\w+)\}", path)
    ]
    if made.query is not None:
        properties, required = schemas.fields(made.query)
        for name, schema in properties.items():
            plain = {key: value for key, value in schema.items() if key != "description"}
            text = {"description": schema["description"]} if "description" in schema else {}
            found.append({"name": name, "in": "query", "required": name in required, **text, "schema": plain})
    found += [
        {"name": name, "in": "header", "required": False, "description": says, "schema": {"type": "string"}}
        for name, says in made.headers.items()
    ]
    return [*found, *([ONCE] if made.once else [])]


def _responses(made: Endpoint, path: str, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in made.answers.items():
        text = {} if made.media == ANY else {"type": "string"}
        schema = schemas.of(kind) if kind is not None else text
        content = {"content": {made.media: {"schema": schema}}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, **content}
    refusals = {*ALWAYS, *made.problems}
    refusals |= set(WITH_BODY) if made.bodies else set()
    refusals |= {404} if "{" in path else set()
    refusals |= {422} if made.query is not None or made.once else set()
    refusals |= {409} if made.once else set()
    for status in sorted(refusals):
        phrase = HTTPStatus(status).phrase
        found[str(status)] = {"description": phrase, "content": {PROBLEM: {"schema": schemas.of(Problem)}}}
    return found
