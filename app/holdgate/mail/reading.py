"""A delivered message taken apart again, for the pages of the built-in mailbox."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern

import msgspec

_ANCHOR = re.compile(r"<a(?=\s)", re.IGNORECASE)


class Reading(msgspec.Struct, frozen=True):
    """What a mail program would show. `html` is empty when there is no such part."""

    subject: str
    headers: list[tuple[str, str]]
    text: str
    html: str


def read(raw: bytes) -> Reading:
    message = message_from_bytes(raw, policy=modern)
    return Reading(
        subject=str(message["Subject"] or ""),
        headers=[(name, str(value)) for name, value in message.items()],
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def links_opening_outside(html: str) -> str:
    """The HTML part for a frame: its links open in a tab of their own, which knows nothing of the frame.

    Of two attributes of one name a browser takes the first, so ours wins over the mail's.
    """
    return _ANCHOR.sub('<a target="_blank" rel="noopener noreferrer"', html)


def _part(message: EmailMessage, subtype: str) -> str:
    found = message.get_body(preferencelist=(subtype,))
    return "" if found is None else str(found.get_content()).replace("\r\n", "\n")
