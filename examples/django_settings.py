"""The least that Django needs, with the database that DATABASE_URL names."""

import os
from urllib.parse import parse_qs, unquote, urlsplit

_url = urlsplit(os.environ["DATABASE_URL"])
_host = _url.hostname or parse_qs(_url.query).get("host", [""])[0]  # a socket's folder stands in the query

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/"),
        "USER": unquote(_url.username or ""),
        "PASSWORD": unquote(_url.password or ""),
        "HOST": _host,
        "PORT": str(_url.port or ""),
    }
}
ROOT_URLCONF = "django_shop"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-the-example")
