"""Rendering a letter's templates into a message.

What a good transactional mail has: a text part always and HTML beside it; one recipient; a From that is an address
of ours; a Message-ID that stays the same when the same mail is sent again, so that mail programs can show
it once; Date; Content-Language; `Auto-Submitted` (RFC 3834) and `X-Auto-Response-Suppress` (Exchange), so that no
out-of-office note answers it; `X-Entity-Ref-ID`, so that equal subjects are not stacked into one thread, unless a
letter names its `thread`: then `References`, so that a reminder stands beside what it reminds of; only ASCII on the
wire with short lines, which no relay has to rewrite. No Precedence, no List-*: those are for bulk mail. No
image and no tracking.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from holdgate.core.config import Settings
from holdgate.core.paths import TEMPLATES
from holdgate.core.text.addresses import checked_address
from holdgate.core.text.visible import visible, visible_html
from holdgate.mail.addresses import sender

SUBJECT_LIMIT = 180

_BLANK_LINES = re.compile(r"\n{3,}")


def render(
    template: str,
    context: Mapping[str, Any],
    *,
    to: str,
    task_id: UUID,
    settings: Settings,
    now: datetime | None = None,
) -> EmailMessage:
    """The mail `template` filled with `context`, ready for the wire.

    Args:
        task_id: the Message-ID is made from it.
        now: for the Date header, which nothing decides by; the clock of this machine by default.

    Raises:
        BadAddress: `to` or MAIL_FROM is not usable.
        jinja2.TemplateError: a template is missing or wants a variable that `context` lacks.
    """
    recipient = checked_address(to)
    author = sender(settings.mail_from)
    values = {
        **context,
        "base_url": settings.base_url,
        "site": urlsplit(settings.base_url).netloc,
        "recipient": recipient,
    }
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _shortened(line(_part(template, "subject.txt", values)))
    message["From"] = author
    message["To"] = Address(addr_spec=recipient)
    if reply_to := context.get("reply_to"):
        message["Reply-To"] = Address(addr_spec=checked_address(reply_to))
    message["Date"] = now or datetime.now(UTC)
    message["Message-ID"] = f"<{task_id}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    thread = context.get("thread")
    if thread:  # the first of a thread names it, too: some programs gather by this alone
        message["In-Reply-To"] = message["References"] = f"<{thread}@{author.domain}>"
    message["X-Entity-Ref-ID"] = str(thread or task_id)
    message.set_content(_text(_part(template, "body.txt", values)), cte="quoted-printable")
    message.add_alternative(_part(template, "body.html", values), subtype="html", cte="quoted-printable")
    # Not of quoted-printable's letters, and the same at every flattening.
    message.set_boundary(f"=_{task_id.hex}")
    # Last: setting the content removes the content headers before it.
    message["Content-Language"] = "en"
    return message


def line(value: Any) -> str:
    """A template filter: `value` on one line, with what cannot be seen in it written out."""
    return " ".join(visible(str(value)).split())


def time_allowed(minutes: int) -> str:
    """A template filter: 20 → "20 minutes", 120 → "2 hours", 90 → "1 hour 30 minutes", 2880 → "2 days"."""
    days, rest = divmod(int(minutes), 24 * 60)
    hours, left = divmod(rest, 60)
    counted = [(days, "day"), (hours, "hour"), (left, "minute")]
    return " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in counted if n) or "less than a minute"


def _part(template: str, name: str, values: dict[str, Any]) -> str:
    text = _environment().get_template(f"emails/{template}/{name}").render(values)
    return visible_html(text) if name.endswith(".html") else visible(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": line, "time_allowed": time_allowed}
    return environment


def _text(body: str) -> str:
    return _BLANK_LINES.sub("\n\n", body.strip()) + "\n"


def _shortened(subject: str) -> str:
    return subject if len(subject) <= SUBJECT_LIMIT else subject[: SUBJECT_LIMIT - 1].rstrip() + "…"
