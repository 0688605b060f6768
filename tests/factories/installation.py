"""A database with something of everything, so that every page of the site has something to show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import text, update

from holdgate.accounts import service as accounts
from holdgate.accounts.availability import absences
from holdgate.accounts.tokens import queries
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.alarms import service as alarms
from holdgate.alarms.service import AlarmRule
from holdgate.approvals.choices import Choices, Option
from holdgate.approvals.forms import FormField
from holdgate.approvals.requests import deciding, expiring, undoing
from holdgate.approvals.rules.links import key_of as key_of_link
from holdgate.approvals.values import ApprovalPace
from holdgate.bulk.states import BulkVerb
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.groups import service as groups
from holdgate.mail import mailbox
from holdgate.postings.duplicates import service as duplicates
from holdgate.postings.formats import parse
from holdgate.postings.imports import service as imports
from holdgate.postings.queries import Search, list_postings
from holdgate.runs.service import start_run
from holdgate.runtime import workers
from holdgate.schedules.models import Schedule
from holdgate.stats.counts import fold_events
from holdgate.tasks import service as tasks
from holdgate.tasks.models import Task
from holdgate.tasks.queue.claims import claim_tasks
from holdgate.tasks.queue.marks import resolve_tasks
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.queue.retention import Rules, prune_tasks
from holdgate.tasks.queue.steps import store_step
from holdgate.tasks.search import saved
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import HOLDS, TaskState, TaskVerb
from tests import servers as servers_module
from tests.factories.approvals import (
    BOB,
    OWNER,
    Asked,
    agree,
    approve,
    decided,
    in_session,
    key_of,
    principal,
    put_question,
    put_session,
    reject,
)
from tests.factories.blocks import every_block
from tests.factories.bulk import buried, finish, start
from tests.factories.people import PEOPLE, csv
from tests.factories.schedules import plan
from tests.factories.sent import put_applications
from tests.factories.stats import all_final
from tests.factories.tasks import make_task, path_to
from tests.factories.webhooks import make_endpoint
from tests.servers import Servers


@dataclass(frozen=True)
class Full:
    """`names` stand for what is in braces in tests/pages.py."""

    settings: Settings
    database: Database
    redis: Redis
    root: Principal
    names: dict[str, str]


@asynccontextmanager
async def full_installation(servers: Servers, database: Database, data_dir: Path) -> AsyncIterator[Full]:
    """For a whole module of tests that only look at it."""
    settings = Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        secret_keys=("a-key-for-tests-only-0123456789abcdef",),
        data_dir=data_dir,
        rate_limit_max=100_000,
    )
    await servers_module.empty(database)
    redis = Redis.from_url(servers.redis_url)
    await redis.flushdb()
    root = await principal(database, "root@example.org", admin=True)
    PEOPLE[root.email] = root
    yield Full(settings, database, redis, root, await everything(database, settings, root))
    await redis.aclose()


async def everything(database: Database, settings: Settings, by: Principal) -> dict[str, str]:
    """Fills the database. Returns what stands for the names in PAGES."""
    run = await fill(database, settings, by)
    task = await make_task(database, title="A title that is " + "very, " * 20 + "long", payload={}, owner_id=by.id)
    asked = await put_question(database, settings, recipients=("owner@example.org", "x" * 60 + "@example.org"))
    # Twice two alike in a run, so that they can be decided together.
    alike = [
        await put_question(database, settings, recipients=(by.email,), run_id=run, name=f"{n}", fields=fields)
        for fields in ((), (FormField("wish", "Wish", value="as it is"),))
        for n in range(2)
    ]
    choices = Choices(
        (Option("Ship now"), Option("Ship on Monday"), Option("Do not ship", goes_on=False)), changes=True
    )
    blocks = await put_question(database, settings, shown=every_block(database, settings), choices=choices)
    await put_question(database, settings, recipients=(by.email,), deliver=False, pace=ApprovalPace(1))
    opened, session_token = await put_session(database, settings, 4, at_once=3, run_id=run)
    [left], over = await put_session(database, settings, 1, recipients=(BOB,))
    done = await decided(database, settings)
    async with database.write(f"recipient:{BOB}") as session:
        link = key_of_link(await in_session(database, over, left))
        await deciding.decide_by_link(session, link, agree(left), source="192.0.2.1")
    await buried(database, 3, "Connection refused by smtp.example.org " + "x" * 80, owner_id=by.id)
    bulk = await start(database, by, BulkVerb.RETRY, TaskFilter(states=(TaskState.DEAD_LETTER,)))
    await finish(database)
    await buried(database, 3, "It is broken.", owner_id=by.id)
    going = await start(database, by, BulkVerb.CANCEL, TaskFilter(states=(TaskState.SCHEDULED,)))
    [dead] = await buried(
        database, 1, "It is " + "very, " * 40 + "broken.", owner_id=by.id, kind="test.steps", payload={"name": "x"}
    )
    schedule = await plan(database, by, now=None)
    hook, _ = await make_endpoint(database, settings, by, "https://hooks.example.org/" + "long/" * 20)
    async with database.write(by.actor) as session:
        kept = await imports.keep(session, by, "p.csv", parse(csv("Typesetter", "Binder").encode(), "p.csv"))
        await imports.confirm(session, by, kept, leave_out_errors=True)
        waiting = await imports.keep(session, by, "q.csv", parse((csv("Printer") + "\n,,,").encode(), "q.csv"))
        await create_token(session, by.id, name="A program", scopes=USUAL, lasts=None)
        [key] = await queries.tokens_of(session, by.id)
        await session.execute(update(Schedule).values(token_id=key.id))
        other = await accounts.add_user(session, "owner@example.org")
        away = absences.days(date(2190, 1, 1), date(2190, 1, 9), "UTC")
        for person in (by.id, other.id):
            await absences.add_absence(session, person, *away, "y@x.example")
        people = await groups.create_group(
            session, "security", description="Who knows", members=[by.email, "y@x.example"]
        )
        await saved.save(session, by, "Broken ones", "state=dead_letter")
        await alarms.create(session, by, AlarmRule(condition="failures", count=5, minutes=10))
        await alarms.mute(session, by, "0" * 12)
        await mailbox.deliver(session, a_mail())
        [mail] = await mailbox.messages(session)
        [posting, gone, *_] = await list_postings(session, by.id, Search(), 100)
        applications = await put_applications(session, by, task, gone.id)
        # The same job on two other sites: an address of it, and one that nobody has said anything of.
        boards = "".join(f"Typesetter,Harrow,Leeds,https://board{n}.example/1\n" for n in range(2))
        same = await imports.keep(
            session, by, "r.csv", parse(f"title,company,location,url\n{boards}".encode(), "r.csv")
        )
        found = (await imports.confirm(session, by, same, leave_out_errors=True)).added
        assert await duplicates.mark_same(session, by, posting.id, found[0].id) == posting.id
    async with database.read() as session:
        error = str((await session.get_one(Task, dead)).fingerprint)[-12:]
    return {
        "run": str(run),
        "task": str(task),
        "dead": str(dead),
        "error": error,
        "held": str(asked.task_id),
        "approval": str(asked.approval_id),
        "mine": str(alike[0].approval_id),
        "decided": str(done.approval_id),
        "person": str(other.id),
        "people": people,
        "group": await key_of(database, alike[0]),
        "bulk": str(bulk),
        "going": str(going),
        "schedule": str(schedule),
        "kind": "test.nothing",
        "webhook": str(hook),
        "key": str(key.id),
        "import": str(waiting),
        "posting": str(posting.id),
        "gone": str(gone.id),
        **applications,
        "mail": str(mail.id),
        "token": asked.tokens[0],
        "used": done.tokens[0],
        "blocks": str(blocks.approval_id),
        "shows": blocks.tokens[0],
        "session": session_token,
        "alike": await key_of(database, opened[0]),
        "next": await in_session(database, session_token, opened[1]),
        "over": over,
    }


def a_mail() -> EmailMessage:
    made = EmailMessage()
    made["To"], made["Subject"], made["Message-ID"] = "ann@example.org", "A subject & more", "<1@example.org>"
    made.set_content("Text with a link: http://127.0.0.1:8000/login/none")
    made.add_alternative("<p>Text <a href='http://127.0.0.1:8000/login/none'>with a link</a></p>", subtype="html")
    return made


async def fill(database: Database, settings: Settings, by: Principal) -> UUID:
    """Something of everything. Returns a run's id."""
    async with database.write(by.actor) as session:
        requests = [TaskRequest(kind="test.steps", payload={"name": str(n)}, title=f"Task <{n}>") for n in range(60)]
        run_id = await start_run(session, by, "A run & more", requests)
        await workers.beat(session, uuid7(), "host-1", 4711, {"default": 20}, 3, False)
    for state in TaskState:
        await make_task(database, state, owner_id=by.id, title=f"in {state}")
    await put_question(database, settings)
    async with database.write("worker:x") as session:
        [task] = await claim_tasks(
            session, queue="default", kinds=["test.nothing"], worker=uuid7(), limit=1, lease=timedelta(seconds=15)
        )
        await store_step(session, task.id, task.attempt, "first", '{"a": [1, 2]}')
    return run_id


async def lived(database: Database, settings: Settings) -> Asked:
    """A database in which everything has happened: every state, decisions of every kind, folding, pruning."""
    for state in TaskState:
        if not set(HOLDS) & set(path_to(state)):  # questions of their own come below
            await make_task(database, state)
    await all_final(database)
    async with database.write("system") as session:
        await fold_events(session)
        await prune_tasks(session, Rules(finished=timedelta(seconds=-1)), limit=2)
    settled = await make_task(database, TaskState.DEAD_LETTER)
    async with database.write("user:ann@example.org") as session:
        await resolve_tasks(session, Task.id == settled, "ann@example.org", "Done by hand.")
    await put_question(database, settings)
    refused = await put_question(database, settings)
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, refused.hashes()[0], reject(refused), source="")
    ended = await put_question(database, settings)
    async with database.write("user:ann@example.org") as session:
        await move_tasks(session, TaskVerb.CANCEL, Task.id == ended.task_id)
    again = await put_question(database, settings, take_back=timedelta(minutes=5))
    for _ in range(2):
        async with database.write(f"recipient:{OWNER}") as session:
            await deciding.decide_by_link(session, again.hashes()[0], approve(again), source="")
        async with database.write(f"recipient:{OWNER}") as session:
            await undoing.take_back_by_link(session, again.hashes()[0])
    late = await put_question(database, settings)
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET expires_at = now() WHERE id = :id"), {"id": late.approval_id})
    async with database.write("system") as session:
        assert await expiring.expire_due(session) == 1
    admin = await principal(database, "admin@example.org", admin=True)
    async with database.write(admin.actor) as session:
        await tasks.act(session, admin, refused.task_id, TaskVerb.RESUME)
    approved = await put_question(database, settings, again=refused.task_id)
    async with database.write(admin.actor) as session:
        await deciding.decide_signed_in(session, admin, approved.approval_id, approve(approved), source="")
    return approved
