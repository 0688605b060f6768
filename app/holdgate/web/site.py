"""Puts the toolkit and the features' handlers together to one application."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.paths import STATIC, TEMPLATES
from holdgate.core.process.release import VERSION
from holdgate.web import assets, errors
from holdgate.web.assets import Assets
from holdgate.web.http import guards, sessions
from holdgate.web.http.csrf import csrf_middleware
from holdgate.web.http.limits import RateLimits
from holdgate.web.http.page_limits import page_limits_middleware
from holdgate.web.http.request import WebRequest
from holdgate.web.http.security import MAX_BODY, Observe, Shield
from holdgate.web.navigation import navigation_of
from holdgate.web.render import Waiting
from holdgate.web.templates import environment
from holdgate.web.zone import zone_middleware


def make_site(
    settings: Settings,
    database: Database,
    handlers: Sequence[Any],
    *,
    authenticate: Callable[..., Any] | None = None,
    redis: "Redis | None" = None,
    waiting: Waiting | None = None,
    observe: Observe | None = None,
    templates: Path = TEMPLATES,
    static: Path = STATIC,
    state: dict[str, Any] | None = None,
    on_app_init: Sequence[Callable[[AppConfig], AppConfig]] = (),
    **more: Any,
) -> tuple[Shield, Litestar]:
    """The web application, wrapped and bare.

    Args:
        handlers: the features' route handlers and routers.
        authenticate: an ASGI middleware that sets `scope["user"]` to a Principal or None.
        waiting: counts the approvals that wait for a person, for the navigation.
        state: more values for `request.app.state`.
        more: further arguments for Litestar (lifespan, openapi_config, plugins).
    """
    files = Assets(static, reload=settings.development)
    pages: Environment = environment(templates, files, reload=settings.development)
    app = Litestar(
        route_handlers=[*assets.handlers, *handlers],
        request_class=WebRequest,
        middleware=[csrf_middleware, page_limits_middleware],
        dependencies={
            "read": Provide(sessions.provide_read),
            "write": Provide(sessions.provide_write),
            "user": Provide(guards.provide_user),
        },
        exception_handlers={Exception: errors.handle},
        state=State(
            {
                "settings": settings,
                "database": database,
                "redis": redis,
                "limits": RateLimits(redis),
                "templates": pages,
                "assets": files,
                "waiting": waiting,
                **(state or {}),
            }
        ),
        request_max_body_size=MAX_BODY,
        logging_config=None,  # failures are logged by errors.handle, requests by the shield
        on_app_init=list(on_app_init),
        **more,
    )
    app.asgi_handler = zone_middleware(app.asgi_handler)
    if authenticate is not None:
        # Before any route is looked for: who is signed in is so at an address that no route knows, too.
        app.asgi_handler = authenticate(app.asgi_handler)
    pages.globals["navigation"] = app.state.navigation = navigation_of(app.routes, development=settings.development)
    pages.globals["version"] = VERSION
    return Shield(app, settings, pages, observe=observe), app
