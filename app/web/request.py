"""What the toolkit reads off a request."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State

from app.core.principal import Principal

WebRequest: TypeAlias = Request[Principal | None, Any, State]


def principal(scope: Mapping[str, Any]) -> Principal | None:
    """Who is signed in. None also where the application has not been reached."""
    found = scope.get("user")
    return found if isinstance(found, Principal) else None


def request_id(scope: Mapping[str, Any]) -> str:
    """As the shield has chosen it; empty in a test that has no shield."""
    return str(scope.get("state", {}).get("request_id", ""))


def method_sent(scope: Mapping[str, Any]) -> str:
    """The method as the client named it: handlers of GET are also told of HEAD as GET."""
    return str(scope.get("state", {}).get("method", scope["method"]))


def is_api(scope: Mapping[str, Any]) -> bool:
    """Whether programs ask: they are answered in JSON."""
    return f"{scope['path']}/".startswith("/api/")


def client_address(scope: Mapping[str, Any]) -> str:
    """The client's IP address; behind a proxy FORWARDED_ALLOW_IPS decides whom to believe."""
    client = scope.get("client")
    return str(client[0]) if client else ""
