"""The pages of the built-in mailbox. Open to everybody, because that is how one signs in; gone where SMTP is set."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.core.errors import NotFound
from holdgate.mail import mailbox, reading
from holdgate.mail.mailbox import SHOWN, MailboxEntry
from holdgate.mail.reading import Reading
from holdgate.web.http.headers import SCRIPTS
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

# The page may show a frame, and the framed part may be shown in one. The part is somebody else's HTML: it
# gets no script, loads nothing and has an origin of its own, so that it can neither read nor post here.
PAGE_HEADERS = {"Content-Security-Policy": f"{SCRIPTS}; frame-src 'self'"}
PART_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

PartName = Literal["html", "text", "source"]


class ListView(msgspec.Struct, frozen=True):
    entries: list[MailboxEntry]
    recipient: str
    limit: int


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    entry: MailboxEntry
    message: Reading
    part: PartName
    parts: list[tuple[PartName, str]]
    source: str


async def mailbox_exists(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    if not mailbox.in_use(connection.app.state.settings):
        raise NotFound("There is no dev mailbox here: email goes to the mail server.")


@get("/mailbox", guards=[mailbox_exists], include_in_schema=False)
async def list_messages(request: WebRequest, read: Read, recipient: FromQuery[str] = "") -> Response[str]:
    wanted = recipient.replace("\0", "").strip()
    view = ListView(await mailbox.messages(read, wanted), wanted, SHOWN)
    return await render(request, "mailbox/list.html", view, nav="mailbox", fragment="mailbox/_messages.html")


@get("/mailbox/{message_id:uuid}", guards=[mailbox_exists], include_in_schema=False)
async def show_message(
    request: WebRequest, read: Read, message_id: FromPath[UUID], part: FromQuery[PartName | None] = None
) -> Response[str]:
    delivered = await mailbox.delivered(read, message_id)
    message = reading.read(delivered.raw)
    parts: list[tuple[PartName, str]] = [("text", "Text"), ("source", "Source")]
    if message.html:
        parts.insert(0, ("html", "HTML"))
    view = MessageView(
        entry=delivered.entry,
        message=message,
        part=part or parts[0][0],
        parts=parts,
        source=delivered.raw.decode("ascii", "replace"),
    )
    return await render(request, "mailbox/message.html", view, nav="mailbox", headers=PAGE_HEADERS)


@get("/mailbox/{message_id:uuid}/html", guards=[mailbox_exists], include_in_schema=False)
async def show_html(read: Read, message_id: FromPath[UUID]) -> Response[str]:
    """The HTML part alone, for the frame on the message's page."""
    html = reading.read((await mailbox.delivered(read, message_id)).raw).html
    if not html:
        raise NotFound("This message has no HTML part.")
    return Response(reading.links_opening_outside(html), media_type="text/html; charset=utf-8", headers=PART_HEADERS)


@post("/mailbox/delete", guards=[mailbox_exists], include_in_schema=False)
async def delete_messages(request: WebRequest, write: Write) -> Response[str]:
    await mailbox.delete_all(write)
    return see_other(request, "/mailbox", "The mailbox is empty.")


handlers: list[HTTPRouteHandler] = [list_messages, show_message, show_html, delete_messages]
