"""The description of the API for programs and for people: open to all, since it says nothing about anybody."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Response, get

from holdgate.api import openapi
from holdgate.core.config import Settings
from holdgate.web.http.request import WebRequest
from holdgate.web.render import render

CACHE = "public, max-age=300"

# What each status of a refusal means here, and what to do.
REFUSALS = {
    400: ("Not JSON", "The body can’t be read. Fix the request."),
    401: ("No token, or none that is valid", "Send Authorization: Bearer hg_…. WWW-Authenticate says more."),
    403: ("Not allowed", "The token lacks a scope, which WWW-Authenticate names, or its user may not do this."),
    404: ("Not found", "Not found, or it belongs to somebody else: the response is the same."),
    405: ("Wrong method", "Allow lists those that there are."),
    409: ("Conflict", "It is in another state, or a request with this Idempotency-Key is being worked on."),
    410: ("Expired", "The deadline has passed."),
    413: ("Too large", "At most 12 MB and 10,000 tasks can be sent at once."),
    415: ("Wrong type", "Say in Content-Type what is sent."),
    422: ("Validation error", "errors lists what and where: a JSON pointer into the body, or a parameter."),
    429: ("Too many requests", "Wait as many seconds as Retry-After says."),
    500: ("Server error", "Report the request_id to your administrator."),
    503: ("Not available", "The database or the identity provider is unavailable. Try again after Retry-After."),
}


class DocsPart(msgspec.Struct, frozen=True):
    """A field or parameter, in words."""

    name: str
    type: str
    required: bool
    text: str


class Fields(msgspec.Struct, frozen=True):
    """Of a body, an answer or a type: what it is, and its fields. `given`: by us, and never taken."""

    name: str
    text: str
    parts: list[DocsPart]
    given: bool


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    method: str
    path: str
    summary: str
    text: str
    scope: str
    parameters: list[DocsPart]
    body: Fields
    body_types: list[str]
    example: str
    answers: list[tuple[str, str]]
    answer: Fields
    refusals: list[str]


class DocsView(msgspec.Struct, frozen=True):
    """`types` are within others: no route takes or answers them alone."""

    base_url: str
    groups: list[tuple[str, list[Operation]]]
    types: dict[str, Fields]
    refusals: list[tuple[int, str, str]]


def handlers(routes: Sequence[Any]) -> list[Any]:
    """The two addresses, for the routes given."""
    made: dict[str, dict[str, Any]] = {}

    def described(settings: Settings) -> dict[str, Any]:
        if settings.base_url not in made:
            made[settings.base_url] = openapi.document(routes, settings.base_url)
        return made[settings.base_url]

    @get("/api/openapi.json", include_in_schema=False)
    async def show_document(request: WebRequest) -> Response[bytes]:
        body = msgspec.json.format(msgspec.json.encode(described(request.app.state.settings)), indent=1)
        return Response(body, media_type="application/json", headers={"Cache-Control": CACHE})

    @get(["/api/docs", "/api"], include_in_schema=False)
    async def show_docs(request: WebRequest) -> Response[str]:
        found = described(request.app.state.settings)
        refusals = [(n, *words) for n, words in REFUSALS.items()]
        groups = _groups(found)
        view = DocsView(found["servers"][0]["url"], groups, _types(found, groups), refusals)
        return await render(request, "api/docs.html", view, nav="api")

    return [show_document, show_docs]


def _groups(found: dict[str, Any]) -> list[tuple[str, list[Operation]]]:
    groups: dict[str, list[Operation]] = {}
    for path, methods in found["paths"].items():
        for method, each in methods.items():
            groups.setdefault(each["tags"][0], []).append(_operation(found, path, method.upper(), each))
    order = ("Tasks", "Runs", "Approvals", "Postings")
    return sorted(groups.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))


def _types(found: dict[str, Any], groups: list[tuple[str, list[Operation]]]) -> dict[str, Fields]:
    """Those that the fields of routes, or of one of these, are made of."""
    every = [each for _, operations in groups for each in operations]
    given = _within(found, [each.answer for each in every])
    taken = _within(found, [each.body for each in every])
    return dict(sorted({**given, **taken}.items()))


def _within(found: dict[str, Any], left: list[Fields]) -> dict[str, Fields]:
    types: dict[str, Fields] = {}
    while left:
        whole = left.pop()
        words = {word for part in whole.parts for word in part.type.split()}
        for name in words & found["components"]["schemas"].keys() - types.keys():
            types[name] = _fields(found, {"$ref": f"/{name}"}, given=whole.given)
            left.append(types[name])
    return types


def _operation(found: dict[str, Any], path: str, method: str, each: dict[str, Any]) -> Operation:
    body = each.get("requestBody", {}).get("content", {})
    json_body = body.get("application/json", {})
    fine = {status: answer for status, answer in each["responses"].items() if status < "400"}
    [first, *_] = fine.values()
    [media] = first["content"].values()
    return Operation(
        id=each["operationId"],
        method=method,
        path=path,
        summary=each["summary"],
        text=each["description"].partition(". ")[2].strip(),
        scope=each["security"][0]["token"][0],
        parameters=[
            DocsPart(p["name"], in_words(found, p["schema"]), p["required"], p.get("description", ""))
            for p in each["parameters"]
        ],
        body=_fields(found, json_body.get("schema", {}), given=False),
        body_types=list(body),
        example=_pretty(json_body["example"]) if "example" in json_body else "",
        answers=[(status, answer["description"]) for status, answer in fine.items()],
        answer=_fields(found, media["schema"], given=True),
        refusals=[status for status in each["responses"] if status >= "400"],
    )


def _fields(found: dict[str, Any], schema: dict[str, Any], *, given: bool) -> Fields:
    whole = _resolved(found, schema)
    required = whole.get("required", ())
    parts = [
        DocsPart(name, in_words(found, part), name in required, part.get("description", ""))
        for name, part in whole.get("properties", {}).items()
    ]
    return Fields(in_words(found, schema), " ".join(whole.get("description", "").split()), parts, given)


def _resolved(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    ref = schema.get("$ref")
    return found["components"]["schemas"][ref.rsplit("/", 1)[-1]] if ref else schema


def in_words(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """A schema in a few words: `integer 0–1000`, `list of TaskItem`, `queued | running …`."""
    if "anyOf" in schema:
        return " or ".join(in_words(found, part) for part in schema["anyOf"])
    if "$ref" in schema:
        whole = _resolved(found, schema)
        return in_words(found, whole) if "enum" in whole else schema["$ref"].rsplit("/", 1)[-1]
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {in_words(found, schema.get('items', {}))}"
    name = str(schema.get("format") or schema.get("type") or "any")
    least, most = schema.get("minimum"), schema.get("maximum")
    return f"{name} {least}–{most}" if least is not None and most is not None else name


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
