"""The one spelling of an email address, made where an address comes in and stored so; and when two are one person.

An address has many spellings that look or arrive the same: capital and full-width letters, a soft hyphen or a
zero-width space, an ideographic full stop, a domain in its own script. Only the canonical one is ever stored, so that
equal people are equal texts: NFKC, small letters, the domain in its ASCII form (IDNA 2008, mapped as in UTS 46). Mail
servers may tell `Ann` from `ann`; none that people use does. What has no such spelling is refused.
"""

import re
import unicodedata

import idna

from holdgate.core.errors import Invalid

# RFC 5321's dot-string, so neither quotes, spaces, brackets nor line breaks.
_MAILBOX = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Nobody sees them, and programs put them into what people copy: soft hyphen, zero-width space, word joiner, BOM.
_UNSEEN = str.maketrans("", "", "\u00ad\u200b\u2060\ufeff")
_LONGEST_TYPED = 1000


class BadAddress(Invalid):
    def __init__(self, problem: str) -> None:
        sentence = f"Not a valid email address: {problem}."
        super().__init__(sentence, {"email": sentence})


def checked_address(text: str) -> str:
    """The canonical spelling: `Ann@Bücher.example` → `ann@xn--bcher-kva.example`. It is its own.

    Raises:
        BadAddress: with what is wrong.
    """
    if len(text) > _LONGEST_TYPED:
        raise BadAddress("it is too long")
    seen = text.translate(_UNSEEN).strip()
    for character in seen:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise BadAddress(f"it contains an invisible character, U+{ord(character):04X}")
    mailbox, at, domain = unicodedata.normalize("NFKC", seen).rpartition("@")
    mailbox = mailbox.casefold()
    if not at:
        raise BadAddress("it has no @")
    if not _MAILBOX.fullmatch(mailbox) or len(mailbox) > 64:
        raise BadAddress("the part before the @ has characters that not every mail server accepts")
    address = f"{mailbox}@{checked_domain(domain)}"
    if len(address) > 254:
        raise BadAddress("it is too long")
    return address


def checked_domain(text: str) -> str:
    """A domain in the form that mail servers know it by.

    Raises:
        BadAddress
    """
    try:
        domain = idna.encode(text, uts46=True, std3_rules=True).decode()
    except UnicodeError:  # idna.IDNAError is one
        raise BadAddress("no such domain") from None
    if domain.endswith("."):
        raise BadAddress("no such domain")
    return domain


def canonical_address(address: str) -> str:
    """Who it is, for counting people and for barring them, never for letting one in: `ann+work@…` → `ann@…`.

    Only what is safe to assume everywhere, so a tag behind a plus goes. Gmail's ignored dots are not undone: elsewhere
    `j.doe` and `jdoe` are two people, and one of them must not lose a vote by the other's. Where a mail server gives
    plus no meaning the rule counts two as one, which asks for more people and never for fewer.
    """
    try:
        address = checked_address(address)
    except BadAddress:  # stored by an early release; it stands for itself
        address = address.strip().casefold()
    mailbox, at, domain = address.rpartition("@")
    return f"{mailbox.partition('+')[0] or mailbox}{at}{domain}"


def same_person(one: str, other: str) -> bool:
    return canonical_address(one) == canonical_address(other)
