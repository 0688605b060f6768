"""Asking is one statement, a transaction of its own: fenced by the attempt, and told to the log in its name."""

from datetime import timedelta

from sqlalchemy import func, select, text

from holdgate.approvals import versions
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import requesting
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import AskOutcome, Question
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks.models import Task
from holdgate.tasks.queue.claims import Claimed, Outcome, claim_tasks, finish_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState
from tests.factories.approvals import NO_PACE, OWNER, principal
from tests.servers import Servers

QUESTION = Question(hold=HoldType.APPROVAL, step="go", title="May it go on?", shown={"a": 1}, ttl=timedelta(minutes=20))


async def claimed(database: Database) -> Claimed:
    async with database.write("worker:test") as session:
        about = {"queue": "default", "kinds": ["test.asks"], "lease": timedelta(seconds=15)}
        [task] = await claim_tasks(session, worker=uuid7(), limit=1, **about)  # type: ignore[arg-type]
        return task


async def claimed_again(database: Database) -> tuple[Claimed, Claimed]:
    """Two attempts of one task, of which the first has lost it."""
    owner = await principal(database)
    async with database.write("system") as session:
        await enqueue(session, TaskRequest(kind="test.asks", payload={"name": "x"}, owner_id=owner.id))
    first = await claimed(database)
    async with database.write("worker:test") as session:
        await finish_tasks(session, [Outcome(first.id, first.attempt, TaskState.QUEUED)])
    return first, await claimed(database)


async def ask(database: Database, task: Claimed, question: Question = QUESTION, *, known: bool = False) -> AskOutcome:
    async with database.write_one("worker:here:7") as session:
        before = await versions.latest(session, task.id, question.step) if known else None
        return await requesting.ask(session, task, question, before, pace=NO_PACE)


async def asked(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(Approval)) or 0)


async def state_of(database: Database, task: Claimed) -> str:
    async with database.read() as session:
        return (await session.get_one(Task, task.id)).state


async def test_an_attempt_that_has_lost_its_task_asks_nobody(database: Database) -> None:
    late, task = await claimed_again(database)
    assert await ask(database, late) is AskOutcome.LOST
    impossible = Question(hold=HoldType.APPROVAL, step="go", title="May it?", shown={}, recipients=("group:nobody",))
    assert await ask(database, late, impossible) is AskOutcome.LOST
    assert (await asked(database), await state_of(database, task)) == (0, "running")
    assert await ask(database, task) is AskOutcome.ASKED
    assert (await asked(database), await state_of(database, task)) == (1, "pending_approval")


async def test_who_does_not_know_what_was_asked_last_asks_nobody(database: Database) -> None:
    _, task = await claimed_again(database)
    assert await ask(database, task) is AskOutcome.ASKED
    async with database.write("system") as session:
        of_it = "WHERE kind = 'test.asks'"
        await session.execute(text(f"UPDATE tasks SET state = 'expired', finished_at = now() {of_it}"))
        await session.execute(text(f"UPDATE tasks SET state = 'queued', finished_at = NULL {of_it}"))
    again = await claimed(database)
    assert await ask(database, again) is AskOutcome.UNKNOWN
    assert (await asked(database), await state_of(database, again)) == (1, "running")
    assert await ask(database, again, known=True) is AskOutcome.ASKED


async def test_the_log_names_who_asks_by_a_statement_alone(database: Database) -> None:
    _, task = await claimed_again(database)
    assert await ask(database, task) is AskOutcome.ASKED
    async with database.read() as session:
        rows = await session.execute(text("SELECT verb, actor FROM task_events ORDER BY id DESC LIMIT 2"))
        assert {tuple(row) for row in rows} == {("hold", "worker:here:7"), ("enqueue", "worker:here:7")}
        mailed = await session.execute(select(Task.title).where(Task.kind == "email.send"))
        assert mailed.scalars().all() == [f"Ask {OWNER}: May it go on?"]


async def test_who_is_told_is_announced_after_the_statement(servers: Servers, database: Database) -> None:
    heard: list[frozenset[str]] = []

    async def announce(topics: frozenset[str]) -> None:
        heard.append(topics)

    _, task = await claimed_again(database)
    other = Database(servers.database_url, name="test", announce=announce)
    try:
        assert await ask(other, task) is AskOutcome.ASKED
    finally:
        await other.dispose()
    assert heard == [frozenset({"queue:mail"})]
