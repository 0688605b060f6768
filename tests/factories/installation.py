"""A database with something of everything, so that every page of the site has something to show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy import update

from holdgate.accounts.tokens import queries
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.approvals.rules.forms import FormField
from holdgate.bulk.states import BulkVerb
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.mail import mailbox
from holdgate.postings.formats import parse
from holdgate.postings.imports import service
from holdgate.postings.queries import Search, list_postings
from holdgate.schedules.models import Schedule
from holdgate.tasks.search import saved
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.states import TaskState
from tests import servers as servers_module
from tests.approvals.test_groups import key_of
from tests.approvals.test_receipts import decided
from tests.factories.approvals import principal, put_question
from tests.factories.bulk import buried, finish, start
from tests.factories.people import PEOPLE, csv
from tests.factories.schedules import plan
from tests.factories.tasks import make_task
from tests.factories.webhooks import make_endpoint
from tests.servers import Servers
from tests.test_pages import fill


@dataclass(frozen=True)
class Full:
    """`names` stand for what is in braces in the PAGES of tests/journeys/test_every_page.py."""

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
    done = await decided(database, settings)
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
        kept = await service.keep(session, by, "p.csv", parse(csv("Typesetter", "Binder").encode(), "p.csv"))
        await service.confirm(session, by, kept, leave_out_errors=True)
        waiting = await service.keep(session, by, "q.csv", parse((csv("Printer") + "\n,,,").encode(), "q.csv"))
        await create_token(session, by.id, name="A program", scopes=USUAL, lasts=None)
        [key] = await queries.tokens_of(session, by.id)
        await session.execute(update(Schedule).values(token_id=key.id))
        await saved.save(session, by, "Broken ones", "state=dead_letter")
        await mailbox.deliver(session, a_mail())
        [mail] = await mailbox.messages(session)
        [posting, *_] = await list_postings(session, by.id, Search(), None)
    return {
        "run": str(run),
        "task": str(task),
        "dead": str(dead),
        "held": str(asked.task_id),
        "approval": str(asked.approval_id),
        "mine": str(alike[0].approval_id),
        "decided": str(done.approval_id),
        "group": await key_of(database, alike[0]),
        "bulk": str(bulk),
        "going": str(going),
        "schedule": str(schedule),
        "kind": "test.nothing",
        "webhook": str(hook),
        "key": str(key.id),
        "import": str(waiting),
        "posting": str(posting.id),
        "mail": str(mail.id),
        "token": asked.tokens[0],
        "used": done.tokens[0],
    }


def a_mail() -> EmailMessage:
    made = EmailMessage()
    made["To"], made["Subject"], made["Message-ID"] = "ann@example.org", "A subject & more", "<1@example.org>"
    made.set_content("Text with a link: http://127.0.0.1:8000/login/none")
    made.add_alternative("<p>Text <a href='http://127.0.0.1:8000/login/none'>with a link</a></p>", subtype="html")
    return made
