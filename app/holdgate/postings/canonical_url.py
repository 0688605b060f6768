"""The one spelling of a posting's address, by which two postings are known to be the same.

The result is a key to compare and store, not an address to fetch: the scheme is always `https` and a
leading `www.` is gone, because careers sites answer under all four spellings and people paste any of them.
Parameters that tell where a visitor came from are dropped; every other one is kept, since boards put the
posting's identity there (`gh_jid=…`, also `ref=TH101`), and so is a fragment that is a route (`#/job/101`). To keep two
apart costs a duplicate, to join two loses one silently. Large boards have several addresses for one posting, which
`_BOARDS` knows.
"""

import ipaddress
import re
import unicodedata
from urllib.parse import quote_from_bytes, unquote_plus, urlsplit

import idna

MAX_LENGTH = 2_000
"""Longest address, as given and as returned; a PostgreSQL index entry ends at about 2,700 bytes."""

TRACKING = frozenset(
    {
        "_hsenc", "_hsmi", "dclid", "fbclid", "gbraid", "gclid", "gclsrc", "gh_src", "igshid", "lever-origin",
        "lever-source", "lever-source[]", "li_fat_id", "mc_cid", "mc_eid", "mkt_tok", "msclkid", "referer", "referrer",
        "srsltid", "trackingid", "trk", "ttclid", "twclid", "wbraid", "yclid",
    }
)  # fmt: skip

# Names of where a visitor came from, or a vacancy's number: the latter has a digit.
_EITHER = frozenset({"ref", "refid", "source"})

# Host (a suffix), path and query of a board's address → the one for all of them.
_BOARDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (
            r"(?:[\w-]+\.)*linkedin\.com/(?:comm/)?jobs/view/(?:[^/?]*-)?(\d{6,})(?:/?(?:\?.*)?)",
            r"linkedin.com/jobs/view/\1",
        ),
        (r"(?:[\w-]+\.)*linkedin\.com/jobs/[^?]*\?(?:.*&)?currentJobId=(\d{6,})(?:&.*)?", r"linkedin.com/jobs/view/\1"),
        (
            r"(?:[\w-]+\.)*indeed\.(?:com|[a-z]{2}|co\.[a-z]{2})/[^?]*\?(?:.*&)?v?jk=([0-9a-f]{8,})(?:&.*)?",
            r"indeed.com/viewjob?jk=\1",
        ),
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/embed/job_app\?for=([\w-]+)&(?:.*&)?token=(\d+)(?:&.*)?",
            r"job-boards\1.greenhouse.io/\2/jobs/\3",
        ),
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/([\w-]+)/jobs/(\d+)(?:\?.*)?",
            r"job-boards\1.greenhouse.io/\2/jobs/\3",
        ),
        (r"(jobs(?:\.eu)?\.lever\.co/[^/?]+/[0-9a-f-]{36})/apply(?:\?.*)?", r"\1"),
        (r"(jobs\.ashbyhq\.com/[^/?]+/[^/?]+)/application(?:\?.*)?", r"\1"),
    )
)

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = "/!$&'()*+,;=:@"
_QUERY_SAFE = "/!$'()*+,;=:@?"


def canonical_url(url: str) -> str:
    """Return the canonical spelling of `url`; applied to its own result it changes nothing.

    Raises ValueError with a sentence for the person who gave the address.
    """
    text = url.strip()
    if not text:
        raise ValueError("The address is empty.")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"The address is longer than {MAX_LENGTH:,} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in text):
        raise ValueError("The address contains an invisible control character.")
    if "\\" in text:
        raise ValueError("The address contains a backslash.")
    host, path, query, fragment = _split(text)
    address = f"{host}{_path(path)}"
    if kept := _query(query):
        address += f"?{kept}"
    for pattern, spelling in _BOARDS:
        if found := pattern.fullmatch(address):
            return f"https://{found.expand(spelling)}"
    canonical = f"https://{address}{_route(fragment)}"
    if len(canonical) > MAX_LENGTH:
        raise ValueError(f"The address is longer than {MAX_LENGTH:,} characters once it is encoded.")
    return canonical


def _split(text: str) -> tuple[str, str, str, str]:
    """Cut an address into host (with its port), path, query and fragment."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("The address has no readable host name.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("The address must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise ValueError("The address must not contain a user name or password.")
    if not parts.hostname:
        raise ValueError("The address has no host name.")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("The port in the address is not a number from 0 to 65535.") from None
    host = _address(parts.hostname) if parts.netloc.startswith("[") else _name(parts.hostname)
    # Either default port goes whatever the scheme was: http and https are one address here.
    return host if port in (None, 80, 443) else f"{host}:{port}", parts.path, parts.query, parts.fragment


def _address(host: str) -> str:
    try:
        if "%" in host:  # a zone names an interface of one machine
            raise ValueError
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    except ValueError:
        raise ValueError("The address has no readable host name.") from None


def _name(host: str) -> str:
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (UnicodeError, ValueError):
            raise ValueError("The address has no readable host name.") from None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("The address has no readable host name.")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return host


def _path(path: str) -> str:
    kept: list[str] = []
    for segment in _encoded(path, _PATH_SAFE).split("/"):
        if segment == "..":
            del kept[max(1, len(kept) - 1) :]
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept).rstrip("/") or "/"


def _query(query: str) -> str:
    pieces = [piece for piece in _encoded(query, _QUERY_SAFE + "&").split("&") if piece]
    kept = [piece for piece in pieces if not _tracks(piece)]
    # By name only: the sort is stable, so that repeated parameters keep their order, which may matter.
    return "&".join(sorted(kept, key=lambda piece: piece.partition("=")[0]))


def _tracks(piece: str) -> bool:
    name, _, value = piece.partition("=")
    name = unquote_plus(name).lower()
    if name in _EITHER:
        return not any(char.isdigit() for char in unquote_plus(value))
    return name.startswith("utm_") or name in TRACKING


def _route(fragment: str) -> str:
    """A fragment that is a page of its own: `#/job/101`, `#!/job/101`."""
    text = _encoded(fragment, _QUERY_SAFE + "&").rstrip("/")
    return f"#{text}" if len(text) > 1 and text.startswith(("/", "!/")) else ""


def _encoded(text: str, safe: str) -> str:
    """Percent-encode what must be, decode what need not be (RFC 3986 §6.2.2), escapes in upper case."""

    def escape(found: re.Match[str]) -> str:
        code = int(found[1], 16)
        return chr(code) if code in _UNRESERVED else f"%{code:02X}"

    pieces: list[str] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        pieces += quote_from_bytes(text[end : found.start()].encode(), safe=safe), escape(found)
        end = found.end()
    return "".join(pieces) + quote_from_bytes(text[end:].encode(), safe=safe)
