"""A letter that writes down what happens to it, and its task in a worker's hands."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.ids import uuid7
from holdgate.core.tokens import digest, mint
from holdgate.kinds.email_send import EmailResult
from holdgate.mail.letters import PlainLetter
from holdgate.mail.service import KIND, QUEUE, send
from holdgate.runtime.attempts.context import Context
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.queue import claims, moves
from holdgate.tasks.queue.claims import Claimed

ADA = "ada@example.org"
TEMPLATE = "input_needed"  # whose templates are borrowed


class ProbeData(msgspec.Struct, frozen=True):
    title: str = "A question"


@dataclass
class Probe(PlainLetter):
    """`fails` maps a hook's name to the exception it raises. What it writes is in the table mail_probe."""

    Data = ProbeData

    fails: dict[str, Exception] = field(default_factory=dict)
    to: str | None = None
    tokens: list[str] = field(default_factory=list)

    async def prepare(self, session: WriteSession, data: ProbeData, settings: Settings) -> dict[str, Any]:
        self.tokens.append(mint())
        await note(session, "minted", digest(self.tokens[-1]).hex())
        self._fail("prepare")
        context = {
            "title": data.title,
            "reason": "",
            "asker": "Ann",
            "run_name": "",
            "kind": "x",
            "deadline": "",
            "url": f"{settings.base_url}/review/{self.tokens[-1]}",
        }
        return context if self.to is None else {**context, "to": self.to}

    async def sent(self, session: WriteSession, data: ProbeData, reply: str = "") -> None:
        await note(session, "sent", data.title)
        self._fail("sent")

    async def undelivered(self, session: WriteSession, data: ProbeData, problem: str) -> None:
        await note(session, "undelivered", problem)

    def _fail(self, hook: str) -> None:
        if hook in self.fails:
            raise self.fails[hook]


async def note(session: WriteSession, what: str, detail: str) -> None:
    await session.execute(text("INSERT INTO mail_probe VALUES (:what, :detail)"), {"what": what, "detail": detail})


async def notes(database: Database, what: str) -> list[str]:
    async with database.read() as session:
        found = await session.execute(text("SELECT detail FROM mail_probe WHERE what = :what"), {"what": what})
        return list(found.scalars())


async def enqueue(database: Database, title: str = "A question") -> UUID:
    async with database.write("system") as session:
        return await send(session, template=TEMPLATE, to=ADA, data=ProbeData(title))


async def claim(database: Database) -> Claimed:
    async with database.write("worker:test") as session:
        claimed = await claims.claim_tasks(
            session, queue=QUEUE, kinds=[KIND], worker=uuid7(), limit=1, lease=timedelta(seconds=15)
        )
    return claimed[0]


async def lose(database: Database) -> None:
    """Its worker is gone and its lease has run out: the task waits for the next worker."""
    async with database.write("system") as session:
        now = (await session.execute(select(func.now()))).scalar_one()
        assert await moves.recover_lost(session, most=10, now=now + timedelta(minutes=1))


async def handle(task: Claimed, database: Database, settings: Settings, *, last: bool = False) -> EmailResult:
    """One try, as the runtime makes it; `last` when a failure would bury the task."""
    task = task._replace(max_attempts=task.failures + 1) if last else task
    context = Context(task, database=database, settings=settings, actor="worker:test")
    kind = find_kind(KIND)
    result = await kind.handler(context, kind.parse(msgspec.json.decode(task.payload)))
    assert isinstance(result, EmailResult)
    return result
