"""An endpoint on a real socket, and what it was told, checked with the library that receivers use."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from standardwebhooks import Webhook

import holdgate.kinds.webhook_deliver  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.webhooks import event_consumer, service
from holdgate.webhooks.events import TYPES
from holdgate.webhooks.service import Wanted
from tests.factories.stats import all_final
from tests.kinds.odd_site import OddSite

FINE = "HTTP/1.1 204 No Content\n\n"


def answer(status: str, *headers: str) -> str:
    return "\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""])


@dataclass(frozen=True)
class Told:
    """A request that came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def type(self) -> str:
        return str(self.json["type"])

    def verified(self, secret: str) -> Any:
        """Raises unless the signature is the secret's and the timestamp is of now."""
        return Webhook(secret).verify(self.body.decode(), self.headers)


def told(site: OddSite) -> list[Told]:
    found = []
    for head, (line, body) in zip(site.heads, site.asked, strict=True):
        assert line.startswith("POST ")
        pairs = re.findall(r"(?m)^([A-Za-z-]+): (.*?)\r?$", head)
        found.append(Told({name.lower(): value for name, value in pairs}, body))
    return found


async def make_endpoint(
    database: Database,
    settings: Settings,
    by: Principal,
    url: str,
    *events: str,
    everyone: bool = False,
) -> tuple[UUID, str]:
    """Its id and secret; told about all events unless some are named."""
    async with database.write(by.actor) as session:
        wanted = Wanted(url=url, events=events or TYPES, everyone=everyone)
        return await service.create(session, by, wanted, settings)


async def follow(database: Database, settings: Settings) -> None:
    """All there is to read becomes deliveries."""
    await all_final(database)
    more = True
    while more:
        async with database.write("system") as session:
            more = await event_consumer.follow_log(session, settings)


async def deliveries(database: Database) -> list[tuple[str, Any]]:
    """(type, data) of every message made, in the order of making."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT body FROM webhook_deliveries ORDER BY id"))
        bodies = [msgspec.json.decode(body) for body in rows.scalars()]
    return [(body["type"], body["data"]) for body in bodies]
