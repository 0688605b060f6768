"""Which addresses mail may be sent to and from. Conservative: plain ASCII mailboxes, as every server takes them."""

import re
from email.headerregistry import Address
from email.utils import parseaddr

from app.mail.errors import BadAddress

# RFC 5321's dot-string, so neither quotes, spaces, brackets nor line breaks.
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def checked_address(text: str) -> str:
    """`text` as it goes to the mail server: the domain in small letters, an international one in its ASCII form.

    Raises:
        BadAddress: with what is wrong.
    """
    if len(text) > 1000:  # before anything reads it: the codec for domains takes the square of their length
        raise BadAddress("it is too long")
    mailbox, at, domain = text.strip().rpartition("@")
    if not at:
        raise BadAddress("it has no @")
    if not _MAILBOX.fullmatch(mailbox) or len(mailbox) > 64:
        raise BadAddress("the part before the @ has characters that not every mail server takes")
    address = f"{mailbox}@{_ascii_domain(domain)}"
    if len(address) > 254:
        raise BadAddress("it is too long")
    return address


def sender(mail_from: str) -> Address:
    """The setting MAIL_FROM, `Name <mailbox@domain>` or the bare address.

    Raises:
        BadAddress: it holds no usable address.
    """
    name, address = parseaddr(mail_from)
    return Address(display_name=" ".join(name.split()), addr_spec=checked_address(address))


def _ascii_domain(domain: str) -> str:
    try:
        found = domain.encode("idna").decode().lower()
    except UnicodeError:
        raise BadAddress("there is no such domain") from None
    if not all(_LABEL.fullmatch(label) for label in found.split(".")):
        raise BadAddress("there is no such domain")
    return found
