"""Every refusal and failure as an answer: problem+json for programs, a fragment for htmx, a page for people."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.types import Scope
from sqlalchemy.exc import DBAPIError

from holdgate.core.errors import AppError, FilesAway, Invalid, Unauthorized
from holdgate.core.postgres.outages import is_away, sqlstate
from holdgate.core.telemetry import log
from holdgate.core.telemetry.outage import DATABASE
from holdgate.web.http.request import WebRequest, is_api, request_id
from holdgate.web.render import PageContext, leave, page_address, page_of, wants_fragment

logger = log.get(__name__)

PAGE, FRAGMENT = "error.html", "components/_error.html"
UNSTORABLE = "22021"  # a NUL, which PostgreSQL's text cannot hold
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MISSING_FIELD = re.compile(r"missing required field `(.+?)`")
MSGSPEC_PLACE = re.compile(r" - at `\$([^`]*)`\.?$")
HTML, PROBLEM = "text/html", "application/problem+json"

# The framework's own details are for programmers; a person gets these.
DETAILS = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not accept that kind of request.",
    413: "What was sent is too large.",
    422: "The request is invalid.",
    503: "The database can’t be reached. Nothing was lost.",
    500: "Something went wrong on our side.",
}


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, before it is known in which form to say it. `fields`: the sentence for each field."""

    status: int
    title: str
    detail: str
    fields: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


def handle(given: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The application's only exception handler. The framework hands it a request of its own class."""
    request = WebRequest(given.scope, given.receive, given.send)
    problem = describe(error)
    report(problem, error, request.scope)
    if isinstance(error, MethodNotAllowedException):
        problem = msgspec.structs.replace(problem, headers={"Allow": _allowed(request.scope)})
    if isinstance(error, Unauthorized) and request.method == "GET" and not is_api(request.scope):
        if not wants_fragment(request):
            return Response("", status_code=303, media_type="text/plain", headers={"Location": _login_for(request)})
        problem = msgspec.structs.replace(problem, headers=leave(_login_for(request)))
    media_type, text = write(
        problem,
        request.scope,
        request.app.state.templates,
        page=page_of(request),
        partial=wants_fragment(request),
        again=request.state.get("refused", ()),
    )
    headers = {"Vary": "HX-Request", **problem.headers}
    return Response(text, status_code=problem.status, media_type=media_type, headers=headers)


def report(problem: ErrorDetails, error: Exception, scope: Mapping[str, Any]) -> None:
    """What an operator has to know of it, as log lines."""
    if problem.status == 503 and is_away(error):
        DATABASE.failed("a request", error)
    elif problem.status == 503:
        logger.warning("not available", problem=repr(error)[:300], request_id=request_id(scope))
    elif problem.status >= 500:
        logger.error("request failed", exc_info=error, request_id=request_id(scope))


def describe(error: Exception) -> ErrorDetails:
    if isinstance(error, AppError):
        return ErrorDetails(
            status=error.status,
            title=error.title,
            detail=str(error) or DETAILS.get(error.status, ""),
            fields=error.fields if isinstance(error, Invalid) else {},
            headers=error.headers,
        )
    if isinstance(error, ValidationException):
        return ErrorDetails(status=422, title=Invalid.title, detail=DETAILS[422], fields=_fields(error))
    if isinstance(error, HTTPException):
        status = error.status_code
        detail = DETAILS.get(status) or error.detail
        # A body that is no JSON, an unknown content type: the framework says it best, and says nothing of us.
        return ErrorDetails(
            status=status,
            title=HTTPStatus(status).phrase.capitalize(),
            detail=error.detail if status == 400 and error.detail else detail,
            headers=error.headers or {},
        )
    if isinstance(error, DBAPIError) and sqlstate(error) == UNSTORABLE:
        return ErrorDetails(status=422, title=Invalid.title, detail="A text contains a character that can’t be stored.")
    if is_away(error) or isinstance(error, FilesAway):
        detail = "The file storage can’t be reached." if isinstance(error, FilesAway) else DETAILS[503]
        return ErrorDetails(status=503, title="Not available just now", detail=detail, headers={"Retry-After": "5"})
    return ErrorDetails(status=500, title="Server error", detail=DETAILS[500])


def write(
    problem: ErrorDetails,
    scope: Mapping[str, Any],
    templates: Environment,
    *,
    page: PageContext | None = None,
    partial: bool,
    again: Sequence[tuple[str, str]] = (),
) -> tuple[str, bytes]:
    """The answer's content type and body. Never raises: a template that fails is replaced by its text.

    Args:
        again: the fields of a form that was sent too early, for a button that sends them once more.
    """
    if is_api(scope):
        return PROBLEM, msgspec.json.encode(
            {
                "type": f"/api/docs#problem-{problem.status}",
                "title": problem.title,
                "status": problem.status,
                "detail": problem.detail,
                "request_id": request_id(scope),
                **({"errors": json_errors(problem.fields)} if problem.fields else {}),
            }
        )
    words = {"status": problem.status, "title": problem.title, "detail": _sentence(problem)}
    try:
        template = templates.get_template(FRAGMENT if partial else PAGE)
        query = scope.get("query_string", b"").decode("latin-1")
        unfit = problem.status == 422 and query and scope.get("method") in ("GET", "HEAD")
        words["plain"] = "/" + scope["path"].lstrip("/") if unfit else ""  # never another host's
        words |= {"again": again, "address": scope["path"] + (f"?{query}" if query else "")}
        return HTML, template.render(**words, request_id=request_id(scope), page=page).encode()
    except Exception:
        logger.exception("the error page failed", request_id=request_id(scope))
        return "text/plain", f"{problem.status} {problem.title}. {problem.detail}".encode()


def _sentence(problem: ErrorDetails) -> str:
    return " ".join([problem.detail, *(text for text in problem.fields.values() if text not in problem.detail)])


def json_errors(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """As RFC 9457 shows them: where in the body, as a JSON pointer, or which parameter; and what is wrong there."""
    return [_json_error(name, sentence) for name, sentence in fields.items()]


def _json_error(name: str, sentence: str) -> dict[str, str]:
    if name.startswith("?"):
        return {"parameter": name[1:], "detail": sentence}
    inner = MSGSPEC_PLACE.search(sentence)  # a payload's own path goes on from the field's
    path = f"{name}{inner[1]}" if inner else name
    return {"pointer": pointer(path), "detail": sentence[: inner.start()] if inner else sentence}


def pointer(path: str) -> str:
    """`tasks[3].payload` → `#/tasks/3/payload`. A key of a map, which msgspec does not tell, ends it."""
    steps = re.findall(r"[^.\[\]]+", path.partition("[...]")[0])
    return "#" + "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def _fields(error: ValidationException) -> dict[str, str]:
    if not isinstance(error.extra, list):
        return {}
    found: dict[str, str] = {}
    for item in error.extra:
        key, message = str(item.get("key", "")), str(item.get("message", ""))
        missing = MISSING_FIELD.search(message)
        key = f"?{key}" if item.get("source") == "query" else key
        found[missing[1] if missing else key] = "This is missing." if missing else message
    return found


def _login_for(request: WebRequest) -> str:
    wanted = page_address(request)
    return f"/login?{urlencode({'next': wanted})}" if wanted != "/" else "/login"


def _allowed(scope: Scope) -> str:
    """The methods a path does accept (RFC 9110 §15.5.6 wants them named)."""
    router = scope["litestar_app"].asgi_router
    found = []
    for method in METHODS:
        try:
            router.handle_routing(path=scope["path"].rstrip("/") or "/", method=method)
        except HTTPException:
            continue
        found.append(method)
    return ", ".join(found)
