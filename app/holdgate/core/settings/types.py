"""Types of settings: how the text of one is read, and in words what it has to be."""

import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec

from holdgate.core.text.addresses import BadAddress, checked_address, checked_domain
from holdgate.core.text.durations import parse_duration, write_duration

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
LONGEST = timedelta(days=3650)  # of what can be set
QUEUE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class SettingType(msgspec.Struct, frozen=True):
    """`read` raises ValueError for what is not `words`. A `secret` is never repeated; a URL may hold a password."""

    read: Callable[[str], Any]
    words: str
    secret: bool = False
    write: Callable[[Any], str] = str


DIRECTORY = SettingType(Path, "a directory")
TEXT = SettingType(str, "a text")
SECRET = SettingType(str, "a text", secret=True)


def choice(*allowed: str, read: Callable[[str], Any] = str, write: Callable[[Any], str] = str) -> SettingType:
    def chosen(text: str) -> Any:
        if text not in allowed:
            raise ValueError
        return read(text)

    return SettingType(chosen, f"one of {', '.join(allowed)}", write=write)


def integer(low: int, high: int) -> SettingType:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return SettingType(read, f"a whole number from {low} to {high}")


def minutes(high: int) -> SettingType:
    """As a number; 0 is None."""
    number = integer(0, high)
    return SettingType(
        lambda text: timedelta(minutes=number.read(text)) or None,
        number.words,
        write=lambda value: f"{value.total_seconds() / 60:g}" if value else "0",
    )


def duration(minimum: int, *, never: bool = False, bare: bool = False) -> SettingType:
    """`never`: 0 is None; `bare`: written without a unit, where the name says it."""

    def read(text: str) -> timedelta | None:
        found = parse_duration(text)
        if found is None or not timedelta(seconds=minimum) <= found <= LONGEST:
            raise ValueError
        return None if never and not found else found

    def write(value: timedelta | None) -> str:
        value = value or timedelta()
        return f"{value.total_seconds():g}" if bare else write_duration(value)

    words = f"a duration such as 90, 90s, 20m, 1h or 30d, from {minimum} s to ten years"
    return SettingType(read, words, write=write)


def _boolean(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError
    return text.lower() in ("1", "true", "yes", "on")


LOG_LEVEL = choice(*get_args(LogLevel))
BOOLEAN = SettingType(_boolean, "yes or no", write=lambda value: "yes" if value else "no")


# Of each host of a URL. A special character in a password that is not percent-encoded ends the part before it.
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]@/?#]*)(:[0-9]{1,5})?")
_NOT_ENCODED = re.compile(r"%(?![0-9a-fA-F]{2})")


def url(*schemes: str, read: Callable[[str], str] = str) -> SettingType:
    def checked(text: str) -> str:
        parts = urlsplit(text)
        account, _, hosts = parts.netloc.rpartition("@")
        if parts.scheme not in schemes or "@" in account or _NOT_ENCODED.search(account) or "\n" in text:
            raise ValueError
        if not all(_HOST.fullmatch(host) for host in hosts.split(",")):
            raise ValueError
        return read(text)

    begins = " or ".join(f"{scheme}://" for scheme in schemes)
    words = f"a URL that begins with {begins}, with a user and password, if any, percent-encoded (# is %23, / is %2F)"
    return SettingType(checked, words, secret=True)


def _sender(text: str) -> str:
    _, address = parseaddr(text)
    try:
        checked_address(address)
    except BadAddress:
        raise ValueError from None
    return text


SENDER = SettingType(_sender, "an email address, with a name or without: Holdgate <holdgate@example.org>")


def _proxies(text: str) -> str:
    if text != "*":
        for each in text.split(","):
            ip_network(each.strip(), strict=False)
    return text


PROXIES = SettingType(_proxies, "addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8, or *")


def _listen(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
        raise ValueError
    if ":" in text:
        ip_address(text)
    return text


LISTEN = SettingType(_listen, "an address of this machine, such as 127.0.0.1, 0.0.0.0 or ::")


def _certificates(text: str) -> str:
    path = Path(text).absolute()
    try:
        found = b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError:
        found = False
    if not found:
        raise ValueError
    return str(path)


CERTIFICATES = SettingType(_certificates, "a file of certificates (PEM) that can be read")


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(each.rstrip("/").lower() for each in _names(text))
    for each in found:
        parts = urlsplit(each)
        if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc) or each.count("/") != 2:
            raise ValueError
    return found


ORIGINS = SettingType(_origins, "origins separated by commas, such as https://app.example.com", write=",".join)


def without_slash(text: str) -> str:
    return text.rstrip("/")


def with_driver(text: str) -> str:
    """SQLAlchemy needs the driver named: a plain postgresql:// would mean another one."""
    return re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql+asyncpg://", text)


def with_redis(text: str) -> str:
    """Its client knows the names of Redis only."""
    return re.sub(r"^valkey", "redis", text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


NAMES = SettingType(_names, "names separated by commas", write=",".join)
KEYS = SettingType(_names, "keys separated by commas", secret=True, write=",".join)


def _queues(text: str) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for part in text.split(","):
        queue, _, size = part.strip().partition(":")
        if not QUEUE_NAME.fullmatch(queue) or not (size or "10").isdecimal() or int(size or "10") < 1:
            raise ValueError
        found[queue] = int(size or "10")
    return tuple(found.items())


QUEUES = SettingType(
    _queues,
    "pairs such as default:20,mail:5, of a queue and how many tasks of it run at a time",
    write=lambda queues: ",".join(f"{name}:{size}" for name, size in queues),
)


def _schema(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text) or text.startswith("pg_"):
        raise ValueError
    return text


SCHEMA = SettingType(_schema, "small letters, digits and _, at most 63, and not pg_…")


def _signup(text: str) -> str:
    if text in ("open", "invite"):
        return text
    rule, _, given = text.partition(":")
    try:
        domain = checked_domain(given)
    except BadAddress:
        raise ValueError from None
    if rule != "domain" or "." not in domain:
        raise ValueError
    return f"domain:{domain}"


SIGNUP = SettingType(_signup, "open, invite or domain:example.com")
