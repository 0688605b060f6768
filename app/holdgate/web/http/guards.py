"""Who may come in: guards for routes, and the signed-in person as the dependency `user: SignedIn`.

Guards are coroutines: Litestar runs a plain function in a thread, for every request.
"""

from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from holdgate.core.errors import Forbidden, Unauthorized
from holdgate.core.principal import Principal
from holdgate.web.http.request import WebRequest, principal

SignedIn: TypeAlias = NamedDependency[Principal]
Connection = ASGIConnection[Any, Any, Any, Any]


async def signed_in(connection: Connection, _handler: BaseRouteHandler) -> None:
    _required(connection)


async def admin_only(connection: Connection, _handler: BaseRouteHandler) -> None:
    if not _required(connection).is_admin:
        raise Forbidden("Only administrators may do this.")


async def provide_user(request: WebRequest) -> Principal:
    """A handler that takes `user: SignedIn` is for signed-in people only, with or without the guard."""
    return _required(request)


def _required(connection: Connection) -> Principal:
    user = principal(connection.scope)
    if user is None:
        raise Unauthorized("You are not signed in, or your session has ended.")
    return user
