"""What the manifests ask of this release: KEDA's question to a real database, probes that exist, settings there are.

`make kubernetes` renders them and holds them against the schemas.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import holdgate.web.health
from holdgate.bulk.states import BulkVerb
from holdgate.core.config import Settings, load
from holdgate.core.db import Database
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.runtime import dispatcher
from holdgate.runtime.sweeper import Sweeper
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState
from tests.factories import bulk
from tests.factories.approvals import principal, put_question
from tests.factories.schedules import plan
from tests.factories.tasks import make_task
from tests.factories.workers import until
from tests.servers import Servers

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy/kubernetes"


def documents(path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((HERE / path).read_text()))


SCALER = documents("components/keda/workers.yaml")[1]["spec"]
QUERY = SCALER["triggers"][0]["metadata"]["query"]


async def asked(database: Database) -> int:
    """KEDA's question and its answer."""
    async with database.read() as session:
        return int((await session.execute(text(QUERY.replace(":", "\\:")))).scalar_one())


async def change(database: Database, statement: str) -> None:
    async with database.write("system") as session:
        await session.execute(text(statement))


async def rested(database: Database, settings: Settings) -> None:
    """The sweeper has done all there was; then no worker is wanted."""
    sweeper = Sweeper(database, settings)

    async def done() -> bool:
        for chore in sweeper._upkeep:
            await sweeper._once(chore)
        return await asked(database) == 0

    await until(done)


async def test_no_worker_is_wanted_once_everything_is_done_and_told(database: Database, settings: Settings) -> None:
    assert await asked(database) == 0
    await make_task(database, TaskState.SUCCEEDED)
    assert await asked(database) == 1, "the log has events that nobody has read"
    await rested(database, settings)


async def test_ready_tasks_of_these_queues_count_one_by_one_and_up_to_a_thousand(
    database: Database, settings: Settings
) -> None:
    await make_task(database, queue="elsewhere")
    await rested(database, settings)
    await make_task(database)
    await make_task(database, queue="mail")
    assert await asked(database) == 2 + 1
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 1500)
    assert await asked(database) == 1000 + 1 + 1


async def test_a_paused_queue_wants_no_worker(database: Database, settings: Settings) -> None:
    await make_task(database)
    await change(database, "INSERT INTO queues (name, paused_at, paused_by) VALUES ('default', now(), 'a')")
    await rested(database, settings)


@pytest.mark.parametrize("state", [TaskState.SCHEDULED, TaskState.RETRYING])
async def test_a_task_wants_a_worker_shortly_before_its_time(
    database: Database, settings: Settings, state: TaskState
) -> None:
    await make_task(database, state)
    await rested(database, settings)
    await change(database, "UPDATE tasks SET run_at = now() + interval '20 seconds'")
    assert await asked(database) == 1 + 1


async def test_a_worker_that_runs_something_is_not_taken_away(database: Database, settings: Settings) -> None:
    await make_task(database, TaskState.RUNNING, queue="elsewhere")
    await rested(database, settings)
    await make_task(database, TaskState.RUNNING)
    assert await asked(database) == 1 + 1


# Situations in which only a sweeper can go on, each brought about after everything else was done.
ONLY_A_SWEEPER = {
    "a lost lease": "UPDATE tasks SET lease_expires_at = now() - interval '1 s' WHERE state = 'running'",
    "a task of a queue served elsewhere is due": "UPDATE tasks SET run_at = now() WHERE state = 'scheduled'",
    "a deadline": "UPDATE tasks SET deadline_at = now() WHERE state = 'pending_approval'",
    "an approval expires": "UPDATE approvals SET expires_at = now() + interval '20 s'",
    "a reminder": "UPDATE approvals SET remind_at = now() + interval '20 s'",
    "a beat": "UPDATE schedules SET next_at = now() + interval '20 s'",
    "a run was resumed": "UPDATE runs SET settled_at = NULL",
    "a bulk action goes on": "UPDATE bulk_actions SET due_at = now()",
}


@pytest.mark.parametrize("situation", ONLY_A_SWEEPER)
async def test_a_worker_is_wanted_for_what_only_a_sweeper_does(
    database: Database, settings: Settings, situation: str
) -> None:
    await put_question(database, settings)
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        run = TaskRequest(kind="test.nothing", payload={}, queue="elsewhere")
        await runs.act(session, owner, await runs.start_run(session, owner, "A run", [run]), RunVerb.CANCEL)
    await change(database, "UPDATE runs SET changed_at = now() - interval '1 min'")
    await plan(database, owner, now=None)
    for state in (TaskState.RUNNING, TaskState.SCHEDULED):
        await make_task(database, state, queue="elsewhere", owner_id=owner.id)
    await bulk.start(database, owner, BulkVerb.PRIORITISE, TaskFilter(states=("scheduled",)), priority=60)
    await bulk.finish(database)
    await change(
        database, "UPDATE bulk_actions SET state = 'waiting', finished_at = NULL, due_at = now() + interval '1 h'"
    )
    await change(database, "UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE kind = 'email.send'")
    await rested(database, settings)
    await change(database, ONLY_A_SWEEPER[situation])
    assert await asked(database) == 1


async def test_what_people_have_paused_wants_no_worker(database: Database, settings: Settings) -> None:
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        run_id = await runs.start_run(session, owner, "A run", [TaskRequest(kind="test.nothing", payload={})])
        await runs.act(session, owner, run_id, RunVerb.PAUSE)
    await plan(database, owner)
    await change(database, "UPDATE schedules SET next_at = now(), paused_at = now(), paused_by = 'a'")
    await rested(database, settings)


async def test_the_role_of_the_scaler_may_ask_that_and_reads_no_payload(database: Database, servers: Servers) -> None:
    role = f"scaler_{servers.database_url.rsplit('_', 1)[1].split('?')[0]}"
    statements = re.sub(r"(?m)^--.*$", "", (HERE / "components/keda/role.sql").read_text()).split(";")
    await change(database, f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    async with database.engine.connect() as connection:
        for statement in statements:
            if "GRANT" in statement:
                await connection.execute(text(statement.replace("holdgate_scaler", role)))
        await connection.execute(text(f"SET LOCAL ROLE {role}"))
        assert (await connection.execute(text(QUERY.replace(":", "\\:")))).scalar_one() == 0
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text("SELECT payload FROM tasks"))


async def test_the_question_reads_no_table_from_end_to_end(database: Database) -> None:
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 10_000)
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE random() < 0.5"))
    await change(database, "UPDATE log_followers SET upto = pg_snapshot_xmin(pg_current_snapshot())")
    await change(database, "UPDATE rollup SET upto = pg_snapshot_xmin(pg_current_snapshot())")
    await change(database, "ANALYZE tasks, task_events")
    async with database.read() as session:
        explained = await session.execute(text("EXPLAIN " + QUERY.replace(":", "\\:")))
        plan_of_it = "\n".join(explained.scalars())
    assert "Seq Scan on tasks" not in plan_of_it, plan_of_it
    assert "Seq Scan on task_events" not in plan_of_it, plan_of_it
    assert "tasks_waiting_idx" in plan_of_it and "tasks_due_idx" in plan_of_it


def containers() -> list[dict[str, Any]]:
    found = []
    for path in ("base/web.yaml", "worker/worker.yaml"):
        pod = documents(path)[1]["spec"]["template"]["spec"]
        found += [*pod["initContainers"], *pod["containers"]]
    return found


def test_every_setting_that_the_manifests_make_is_one_that_there_is() -> None:
    given = dict(line.split("=", 1) for line in (HERE / "base/settings.env").read_text().splitlines())
    known = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    named = {entry["name"] for container in containers() for entry in container.get("env", ())}
    assert given.keys() | named <= known
    # With what the secret must have, they make usable settings.
    secret = {
        "DATABASE_URL": "postgresql://h/d",
        "REDIS_URL": "redis://h",
        "SECRET_KEY": "x" * 32,
        "SMTP_URL": "smtp://h",
    }
    assert load({**given, **secret}).metrics_port == 9100


def test_a_worker_is_given_the_time_that_its_end_may_take() -> None:
    given = dict(line.split("=", 1) for line in (HERE / "base/settings.env").read_text().splitlines())
    pod = documents("worker/worker.yaml")[1]["spec"]["template"]["spec"]
    grace = load(given | {"ENVIRONMENT": "development"}).shutdown_grace.total_seconds()
    outcomes, room = 5, 10
    assert pod["terminationGracePeriodSeconds"] >= grace + dispatcher.CLAIM_PATIENCE + outcomes + room


def test_the_probes_of_web_processes_are_addresses_that_answer_everybody() -> None:
    answered = {path for handler in holdgate.web.health.handlers for path in handler.paths}
    web = documents("base/web.yaml")[1]["spec"]["template"]["spec"]["containers"][0]
    asked = {web[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"/livez", "/readyz"} <= answered


def test_deploying_applies_an_overlay_that_is_there_and_production_asks_first() -> None:
    def make(target: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", target, "KUBECTL=echo"]
        return subprocess.run(command, cwd=ROOT, input=answer, capture_output=True, text=True)

    small, production = ("deploy/kubernetes/overlays/small", "deploy/kubernetes/overlays/production")
    assert make("deploy-dev").stdout == f"apply -k {small}\n"
    refused, agreed = make("deploy-prod", "n\n"), make("deploy-prod", "y\n")
    assert refused.returncode != 0
    assert "apply" not in refused.stdout
    assert agreed.stdout.endswith(f"apply -k {production}\n")
    assert (ROOT / small / "kustomization.yaml").exists()
    assert (ROOT / production / "kustomization.yaml").exists()
