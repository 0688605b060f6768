"""How an address is found in texts, and what stands in its place afterwards."""

import re
import secrets
from typing import NamedTuple

ERASED = "erased.invalid"  # no mail goes there (RFC 2606)


class Sought(NamedTuple):
    """A regular expression of PostgreSQL for the addresses of a person, and what replaces what it finds."""

    pattern: str
    replacement: str


def pseudonym() -> str:
    """An address that says nothing of whom it stands for, and that nobody has."""
    return f"erased-{secrets.token_hex(6)}@{ERASED}"


def sought(addresses: list[str], replacement: str = "") -> Sought:
    """Addresses in whatever capitals, not as a part of longer ones. One without a tag also finds those with one, since
    they are of the same person; the tag stays, so that two addresses stay two."""
    found = "|".join(_spelling(address) for address in addresses)
    mailbox, _, domain = replacement.partition("@")
    # Each spelling has one group, of which at most one has found something.
    tags = "".join(rf"\{number + 1}" for number in range(len(addresses)))
    return Sought(
        rf"(?<![a-z0-9.!#$%&'*+/=?^_`{{|}}~-])(?:{found})(?![a-z0-9-])(?!\.[a-z0-9])", f"{mailbox}{tags}@{domain}"
    )


def _spelling(address: str) -> str:
    mailbox, _, domain = address.partition("@")
    tag = "()" if "+" in mailbox else r"(\+[a-z0-9.!#$%&'*+/=?^_`{|}~-]*)?"
    return rf"{re.escape(mailbox)}{tag}@{re.escape(domain)}"
