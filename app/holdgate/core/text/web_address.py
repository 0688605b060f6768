"""Which addresses a page leads to: of the web, and such that the host they name is the one they lead to."""

from urllib.parse import urlsplit

MOST = 2000  # characters


def is_web_address(url: str) -> bool:
    """Whether it can be followed, and its host be told, without surprise."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url and "\\" not in url and len(url) <= MOST
    return plain and parts.scheme in ("http", "https") and bool(host) and parts.username is None
