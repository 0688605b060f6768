"""Sending mail: a task of kind `email.send`, which exists if and only if the caller's transaction commits."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.db import WriteSession
from holdgate.core.text.addresses import checked_address
from holdgate.mail.letters import letter_data
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import DEFAULT_PRIORITY

KIND = "email.send"
QUEUE = "mail"
# How often an email is tried, with the pauses of kinds/email_send.py: for about two days, so that none is lost
# while the mail server is away for a night. What is of use for minutes only gives up within seven.
ATTEMPTS = 200
ATTEMPTS_OF = {"sign_in": 5}


class Email(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload of `email.send`. People can read it: `data` names rows by id and never holds a token."""

    template: str
    to: str
    data: dict[str, Any]


async def send(
    session: WriteSession,
    *,
    template: str,
    to: str,
    data: msgspec.Struct | dict[str, Any],
    owner_id: UUID | None = None,
    title: str = "",
    priority: int | None = None,
    run_at: datetime | None = None,
) -> UUID:
    """Enqueue one mail in the caller's transaction. Returns its task's id. Args and Raises as of `request`."""
    wanted = request(
        template=template, to=to, data=data, owner_id=owner_id, title=title, priority=priority, run_at=run_at
    )
    return await enqueue(session, wanted)


def request(
    *,
    template: str,
    to: str,
    data: msgspec.Struct | dict[str, Any],
    owner_id: UUID | None = None,
    title: str = "",
    priority: int | None = None,
    run_at: datetime | None = None,
) -> TaskRequest:
    """The task of a mail, for who has more to write with it.

    Args:
        template: a registered letter.
        data: the letter's `Data`, or plain data that fit it.
        run_at: not before then.

    Raises:
        BadAddress, UnknownLetter, LetterMismatch
    """
    address = checked_address(to)
    checked = msgspec.to_builtins(letter_data(template, data))
    return TaskRequest(
        kind=KIND,
        queue=QUEUE,
        payload=Email(template=template, to=address, data=checked),
        title=title or f"Email “{template.replace('_', ' ')}” to {address}",
        priority=DEFAULT_PRIORITY if priority is None else priority,
        owner_id=owner_id,
        run_at=run_at,
        max_attempts=ATTEMPTS_OF.get(template, ATTEMPTS),
    )
