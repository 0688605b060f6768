"""Which addresses a page leads to: of the web, and such that the host they name is the one they lead to."""

import re
from urllib.parse import urlsplit

MOST = 2000  # characters


# What people, or the programs that show their mail, take for an address: with a scheme, or by its dots. It begins where
# neither a letter nor a dot stands before, or each of its characters would be tried as a beginning.
_LINK = re.compile(r"https?://[^\s<>\"]+|(?<![\w.-])\.*(?:[\w-]+\.+)+[^\W\d_]{2,}", re.IGNORECASE)


def hosts_in(text: str) -> list[str]:
    """Of the addresses with a scheme in a text, each once."""
    found = (_host(match[0]) for match in _LINK.finditer(text) if "://" in match[0])
    return list(dict.fromkeys(host for host in found if host))


def unlinked(text: str) -> str:
    """A text in which no mail program finds an address to follow: hosts are told as `evil[.]example`."""
    return _LINK.sub(_unlink, text)


def _unlink(match: re.Match[str]) -> str:
    host = _host(match[0]) if "://" in match[0] else match[0]
    told = (host or "nowhere").replace(".", "[.]")
    return f"(link to {told})" if "://" in match[0] else told


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_web_address(url: str) -> bool:
    """Whether it can be followed, and its host be told, without surprise."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url and "\\" not in url and len(url) <= MOST
    return plain and parts.scheme in ("http", "https") and bool(host) and parts.username is None
