"""A task that holds on a question, and its links, without a worker and without mail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

import holdgate.kinds.email_send  # noqa: F401
import tests.runtime.kinds
import tests.tasks.kinds  # noqa: F401
from holdgate.accounts.service import add_user
from holdgate.approvals import versions
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.receipts import Receipt
from holdgate.approvals.forms import FormField
from holdgate.approvals.models import Approval, Note, Recipient, Vote
from holdgate.approvals.requests import deciding, delegating, digest_mails, mails, requesting, telling
from holdgate.approvals.rules import policy_queries, recipient_queries
from holdgate.approvals.rules.access import asked_by_link
from holdgate.approvals.rules.links import item_token
from holdgate.approvals.states import ApprovalVerb, HoldType
from holdgate.approvals.values import ApprovalPace, AskOutcome, Decision, Question
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import checked_address
from holdgate.core.tokens import digest
from holdgate.groups import service as groups
from holdgate.groups.names import name_in as group_name
from holdgate.runs.service import start_run
from holdgate.tasks.models import Task
from holdgate.tasks.queue.claims import Claimed, claim_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import DEFAULT_PRIORITY

OWNER = "owner@example.org"
NO_PACE = ApprovalPace(1000, 1000)
TITLE = "May it go on?"
ANN, BOB, CID = "ann@example.org", "bob@example.org", "cid@example.org"
THREE = (ANN, BOB, CID)
DAN, BOSS = "dan@example.org", "boss@example.org"


@dataclass
class Asked:
    """A question that was put. `tokens` are those of its recipients' links, in the order of the addresses; those of
    groups by address."""

    task_id: UUID
    approval_id: UUID
    version: str
    tokens: list[str]

    def hashes(self) -> list[bytes]:
        return [digest(token) for token in self.tokens]


async def make_group(database: Database, name: str, *members: str) -> None:
    async with database.write("system") as session:
        await groups.create_group(session, name, members=members)


async def principal(database: Database, email: str = OWNER, *, admin: bool = False) -> Principal:
    async with database.write("system") as session:
        user = await add_user(session, email, admin=admin)
        return Principal(user.id, user.email, user.name, "admin" if admin else "member")


async def put_question(
    database: Database,
    settings: Settings,
    *,
    recipients: tuple[str, ...] = (OWNER,),
    hold: HoldType = HoldType.APPROVAL,
    fields: tuple[FormField, ...] = (FormField("wish", "Wish", value="as it is"),),
    deliver: bool = True,
    run_id: UUID | None = None,
    continues: bool = False,
    again: UUID | None = None,
    take_back: timedelta = timedelta(),
    name: str = "x",
    ttl: timedelta = timedelta(minutes=20),
    signup: str = "open",
    shown: Callable[[Claimed], Awaitable[Any]] | None = None,
    pace: ApprovalPace = NO_PACE,
    priority: int = DEFAULT_PRIORITY,
    **policy: Any,
) -> Asked:
    """Claim a task and let it ask; `deliver` mints the links and starts the clock, as the mail's sending does.

    `again`: a task that was resumed asks once more. `shown`: what it shows instead of a name. `policy`: further fields
    of the question. Who is not mailed has no token.
    """
    owner = await principal(database)
    async with database.write("system") as session:
        payload = {"name": name}
        request = TaskRequest(kind="test.asks", payload=payload, owner_id=owner.id, run_id=run_id, priority=priority)
        task_id = again or await enqueue(session, request)
    async with database.write("worker:test") as session:
        [task] = await claim_tasks(
            session,
            queue="default",
            kinds=["test.asks"],
            worker=uuid7(),
            limit=1,
            lease=timedelta(seconds=15),
        )
        assert task.id == task_id
    what = await shown(task) if shown else {"Name": name}
    async with database.write("worker:test") as session:
        question = Question(
            hold=hold,
            step="go",
            title=policy.pop("title", TITLE),
            shown=what,
            fields=fields,
            recipients=recipients,
            ttl=ttl if hold is HoldType.APPROVAL else None,
            continues_on_reject=continues,
            continues_on_expire=continues,
            take_back=take_back,
            **policy,
        )
        before = await versions.latest(session, task.id, question.step)
        outcome = await requesting.ask(session, task, question, before, signup=signup, pace=pace)
        assert outcome is AskOutcome.ASKED
    tokens: list[str] = []
    async with database.read() as session:
        newest = select(Approval).where(Approval.task_id == task_id).order_by(Approval.created_at.desc()).limit(1)
        approval = (await session.execute(newest)).scalar_one()
        asked = await recipient_queries.recipients_of(session, [approval.id])
        people = {person.email: person.id for person in asked if person.state == "waiting"}
    if deliver:
        named = [checked_address(email) for email in recipients if group_name(email) is None]
        stored = list(dict.fromkeys([*named, *people]))
        tokens = [await delivered(database, settings, people[email]) for email in stored if email in people]
    return Asked(task_id, approval.id, approval.version, tokens)


async def decision_on(session: AsyncSession, task_id: UUID, step: str, version: str, round: int) -> Approval | None:
    """What counts for a step that asks with this version in this round."""
    return versions.decision_on(await versions.latest(session, task_id, step), version, round)


async def delivered(database: Database, settings: Settings, recipient_id: UUID) -> str:
    """The question's mail to one person is rendered and accepted. Returns the link's token."""
    letter = mails.ApprovalRequest()
    data = mails.AskedPerson(recipient_id)
    async with database.write("system") as session:
        context = await letter.prepare(session, data, settings)
    async with database.write("system") as session:
        await letter.sent(session, data, "2.0.0 Ok: queued as 4F2A")
    return str(context["url"].rsplit("/", 1)[1])


def approve(asked: Asked, **form: str) -> Decision:
    return Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={"wish": "granted", **form})


def reject(asked: Asked, reason: str = "not like this") -> Decision:
    return Decision(version=asked.version, verb=ApprovalVerb.REJECT, reason=reason)


async def approval_of(database: Database, asked: Asked) -> Approval:
    async with database.read() as session:
        return await session.get_one(Approval, asked.approval_id)


async def recipients_of(database: Database, asked: Asked) -> list[Recipient]:
    async with database.read() as session:
        return await recipient_queries.recipients_of(session, [asked.approval_id])


def agree(asked: Asked) -> Decision:
    """An approval that leaves the form as it was shown."""
    return Decision(version=asked.version, verb=ApprovalVerb.APPROVE)


async def by_link(database: Database, asked: Asked, place: int, decision: Decision) -> str:
    """The question's state after the one at `place` has decided."""
    async with database.write("recipient:x") as session:
        return (await deciding.decide_by_link(session, asked.hashes()[place], decision, source="here")).state


async def votes_of(database: Database, asked: Asked) -> list[Vote]:
    async with database.read() as session:
        found = await session.execute(select(Vote).where(Vote.approval_id == asked.approval_id).order_by(Vote.at))
        return list(found.scalars())


async def decided(database: Database, settings: Settings, decision: Any = approve, **more: Any) -> Asked:
    asked = await put_question(database, settings, **more)
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], decision(asked), source="192.0.2.1")
    return asked


async def receipt_of(database: Database, settings: Settings, asked: Asked) -> Receipt:
    async with database.read() as session:
        return await receipts.receipt_of(session, settings, await approval_of(database, asked))


async def new_run(database: Database, name: str = "Letters") -> UUID:
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        run = await start_run(session, owner, name, [TaskRequest(kind="test.asks", payload={"name": "first"})])
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE state = 'queued'"))
    return run


async def letters(database: Database, settings: Settings, n: int, run: UUID | None = None, **more: Any) -> list[Asked]:
    """Questions alike, each about something else."""
    run = run or await new_run(database)
    more = {"recipients": (BOSS,), **more}
    return [await put_question(database, settings, run_id=run, name=f"letter {i}", **more) for i in range(n)]


async def put_session(
    database: Database, settings: Settings, n: int, *, at_once: int = 1000, run: bool = False, **more: Any
) -> tuple[list[Asked], str]:
    """Requests to Ann of which a digest has told her, and the token of its link."""
    more = {"recipients": (ANN,), "run_id": await new_run(database) if run else None, **more}
    pace = ApprovalPace(at_once, 0)
    found = [
        await put_question(database, settings, name=f"letter {i}", deliver=False, pace=pace, **more) for i in range(n)
    ]
    letter = digest_mails.ApprovalDigest()
    async with database.write("system") as session:
        await telling.tell_due(session, few=0, now=datetime.now(UTC) + timedelta(seconds=3))
        mails_sent = select(Task.payload).where(Task.kind == "email.send").order_by(Task.id.desc()).limit(1)
        payload = (await session.execute(mails_sent)).scalar_one()
        data = digest_mails.DigestData(UUID(payload["data"]["digest_id"]))
        values = await letter.prepare(session, data, settings)
        await letter.sent(session, data)
    return found, values["url"].rsplit("/", 1)[1]


async def in_session(database: Database, token: str, asked: Asked) -> str:
    """What stands in the link of a request in the session of `token`."""
    [person] = await recipients_of(database, asked)
    return item_token(token, person.id)


async def key_of(database: Database, asked: Asked) -> str:
    key = (await approval_of(database, asked)).alike
    assert key is not None
    return key


async def notes_of(database: Database, asked: Asked) -> list[Note]:
    async with database.read() as session:
        return list(await policy_queries.notes_of(session, asked.approval_id))


async def pass_on(
    database: Database, token_hash: bytes, to: str, *, note: str = "", signup: str = "anybody", **more: object
) -> str:
    async with database.write("recipient:x") as session:
        approval, sender = await asked_by_link(session, token_hash)
        return await delegating.forward(session, approval, sender, to=to, note=note, signup=signup, **more)  # type: ignore[arg-type]
