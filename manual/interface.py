"""The page of the API's routes, types and refusals, from its description (OpenAPI) and the table of refusals."""

from typing import Any

from holdgate.api.docs_views import REFUSALS, in_words
from holdgate.api.openapi import document
from holdgate.asgi import API_HANDLERS
from manual.tables import code, table

HEAD = """# API: routes, types, refusals

What all routes have in common (tokens, scopes, repeating a change, lists, limits) is in [The JSON API](../api.md).
Every installation shows this page as `/api/docs`, with examples, and the description for programs as
`/api/openapi.json`. It is generated (`make reference`).

"""
ONCE = "Idempotency-Key"


def page() -> str:
    found = document(API_HANDLERS, "")
    tags: dict[str, list[str]] = {}
    for path, methods in found["paths"].items():
        for method, each in methods.items():
            tags.setdefault(each["tags"][0], []).append(_route(found, method.upper(), path, each))
    routes = "".join(f"## {tag}\n\n" + "".join(sections) for tag, sections in sorted(tags.items()))
    return (HEAD + routes + _refusals() + _types(found)).rstrip() + "\n"


def _route(found: dict[str, Any], method: str, path: str, each: dict[str, Any]) -> str:
    text = " ".join(each["description"].partition(". ")[2].split())
    scope = each["security"][0]["token"][0]
    parts = [f"### {method} {path}", f"{each['summary'].rstrip('.')}. Scope `{scope}`. {text}".rstrip()]
    given = [part for part in each["parameters"] if part["name"] != ONCE]
    once = f"; `{ONCE}` may be sent" if len(given) < len(each["parameters"]) else ""
    rows = [(f"`{p['name']}`", p["in"], in_words(found, p["schema"]), p.get("description", "")) for p in given]
    parts += [table(("parameter", "in", "type", "meaning"), rows).rstrip()] if rows else []
    bodies = each.get("requestBody", {}).get("content", {})
    takes = " or ".join(f"{_named(found, body['schema'])} as `{kind}`" for kind, body in bodies.items()) or "no body"
    fine = {status: answer for status, answer in each["responses"].items() if status < "400"}
    answers = ", ".join(f"{status}: {_answer(found, answer)}" for status, answer in fine.items())
    refused = ", ".join(status for status in each["responses"] if status >= "400")
    parts += [f"Takes {takes}{once}. Answers {answers}. Refusals: {refused}."]
    return "\n\n".join(parts) + "\n\n"


def _answer(found: dict[str, Any], answer: dict[str, Any]) -> str:
    [(kind, body)] = answer["content"].items()
    return _named(found, body["schema"]) if kind == "application/json" else f"`{kind}`"


def _named(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type with a link to where it is described."""
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return f"[{name}](#{name.lower()})" if name else in_words(found, schema)


def _refusals() -> str:
    rows = [(f"`/api/docs#problem-{status}`", str(status), *words) for status, words in REFUSALS.items()]
    intro = "Every refusal is a [Problem](#problem) (RFC 9457). Its `type` leads here, on your installation:\n\n"
    return "## Refusals\n\n" + intro + table(("type", "status", "what", "what to do"), rows)


def _types(found: dict[str, Any]) -> str:
    parts = ["## Types\n\n"]
    for name, schema in sorted(found["components"]["schemas"].items()):
        about = " ".join(schema.get("description", "").split())
        parts.append(f"### {name}\n\n" + (f"{about}\n\n" if about else ""))
        if "enum" in schema:
            parts.append(f"One of {code(str(value) for value in schema['enum'])}.\n\n")
        required = schema.get("required", ())
        rows = [
            (f"`{field}`", in_words(found, part), "yes" if field in required else "", part.get("description", ""))
            for field, part in schema.get("properties", {}).items()
        ]
        parts.append(table(("field", "type", "always", "meaning"), rows) if rows else "")
    return "".join(parts)
