"""Cookies: every one HttpOnly, SameSite=Lax, for the whole site, and bound to this very host under https.

The prefix `__Host-` makes browsers refuse the cookie from any other host, subdomains included; it demands https,
so that development over http goes without it.
"""

import re
from collections.abc import Mapping

from litestar.datastructures import Cookie

from holdgate.core.config import Settings

SESSION, CSRF, FLASH, ASKING = "hg_session", "hg_csrf", "hg_flash", "hg_asking"
# What this browser has chosen.
THEME, DENSITY, COLUMNS = "hg_theme", "hg_density", "hg_columns"


def cookie_name(settings: Settings, name: str) -> str:
    # Below a path the browser would send another installation's on the same host, too: each has names of its own.
    own = name + re.sub(r"[^\w-]", "-", settings.base_path)
    return f"__Host-{own}" if settings.secure else own


def read_cookie(settings: Settings, cookies: Mapping[str, str], name: str) -> str:
    """The cookie's value, or an empty text."""
    return cookies.get(cookie_name(settings, name), "")


def set_cookie(settings: Settings, name: str, value: str, *, max_age: int) -> Cookie:
    """Args:
    max_age: in seconds.
    """
    return Cookie(
        cookie_name(settings, name), value=value, max_age=max_age, secure=settings.secure, httponly=True, samesite="lax"
    )


def drop_cookie(settings: Settings, name: str) -> Cookie:
    return set_cookie(settings, name, "", max_age=0)
