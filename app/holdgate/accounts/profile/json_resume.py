"""JSON Resume (https://jsonresume.org/schema): data about a person that fills the profile, and is no file to send."""

from collections.abc import Mapping
from typing import Any

import msgspec

from holdgate.accounts.profile.profiles import MOST_LINKS, ProfileChange, ProfileView


def basics_in(content: bytes) -> Mapping[str, Any] | None:
    """The `basics` of a JSON Resume; None when the file is none."""
    if not content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return None
    try:
        told = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError):
        return None
    basics = told.get("basics") if isinstance(told, dict) else None
    return basics if isinstance(basics, dict) else None


def filled(profile: ProfileView, basics: Mapping[str, Any]) -> ProfileChange:
    """The profile with what the file says of name, email, phone and links; all else stays."""
    profiles = [each.get("url") for each in _list(basics.get("profiles")) if isinstance(each, dict)]
    found = [_line(link) for link in (basics.get("url") or basics.get("website"), *profiles)]
    links = [*profile.links, *(link for link in found if link and link not in profile.links)]
    kept = {name: getattr(profile, name) for name in ProfileChange.__struct_fields__}
    told = {
        "name": _line(basics.get("name"))[:200],
        "email": _line(basics.get("email")),
        "phone": _line(basics.get("phone"))[:50],
    }
    return ProfileChange(**{**kept, **{name: text for name, text in told.items() if text}, "links": links[:MOST_LINKS]})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _line(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
