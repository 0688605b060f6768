"""What a program may do: the scopes of its token, and the guard that asks for one."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar.handlers import BaseRouteHandler

from holdgate.core.errors import Forbidden, Unauthorized
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import Connection
from holdgate.web.http.request import principal


class Access(msgspec.Struct, frozen=True):
    """By what a request came in: `via` is `token` or `jwt`; `label` may be shown and logged."""

    via: str
    label: str
    scopes: frozenset[Scope]

    def allows(self, wanted: Scope) -> bool:
        return wanted in self.scopes or Scope.ADMIN in self.scopes


def known_scopes(names: list[str]) -> frozenset[Scope]:
    """Those we know; an identity provider may grant others to the same token."""
    return frozenset(Scope(name) for name in names if name in set(Scope))


def needs(wanted: Scope, instead: Scope | None = None) -> Callable[[Connection, BaseRouteHandler], Awaitable[None]]:
    """A guard: 401 without a token, 403 when its scopes do not suffice. `instead`: another scope that is enough."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        access = connection.scope.get("auth")
        if principal(connection.scope) is None or not isinstance(access, Access):
            raise Unauthorized("Send a token: “Authorization: Bearer hg_…”. People make them in their settings.")
        if not access.allows(wanted) and (instead is None or not access.allows(instead)):
            raise MissingScope(wanted)
        # Whoever asks never decides: a token that is given both scopes would pass its own requests.
        if wanted is Scope.APPROVALS_DECIDE and Scope.APPROVALS_CREATE in access.scopes:
            raise Forbidden("A token that asks for approvals decides none. Use one without approvals:create.")

    return guard


class MissingScope(Forbidden):
    def __init__(self, wanted: Scope) -> None:
        super().__init__(f"This token lacks the scope {wanted}.")
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{wanted}"'}
