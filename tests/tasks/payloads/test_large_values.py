"""Data that is nested too deep or has too many values is refused at every edge; pages stay short whatever they show."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

import holdgate.kinds.http_request  # noqa: F401
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.requests import resolving
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Question
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked
from holdgate.core.text.shape import DEEP, LONG, MANY, MOST_DEPTH, MOST_VALUES, json_problem, shape_problem
from holdgate.core.text.storable import MOST_JSON
from holdgate.postings.formats.detect import json_of
from holdgate.postings.formats.rows import UnreadableFile
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.execution import execute
from holdgate.runtime.attempts.executors import Executors
from holdgate.tasks.kinds import kind
from holdgate.tasks.payloads.secrets import with_secrets
from holdgate.tasks.queue.claims import Outcome, claim_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState
from tests.factories.people import Browser, words
from tests.factories.tasks import make_task

URL = "http://127.0.0.1:9/"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def call(value: Any) -> dict[str, Any]:
    return {"url": URL, "json": value}


class Wanted(msgspec.Struct):
    """What the handler and its step return."""

    result: Any = None
    step: Any = None


@kind("test.returns")
async def returns(ctx: Context, payload: Wanted) -> Any:
    await ctx.step("one", given, payload.step)
    return RETURNED.get(str(payload.result), payload.result)


RETURNED = {"deep": deep(MOST_DEPTH + 1), "many": list(range(MOST_VALUES))}


async def given(name: Any) -> Any:
    return RETURNED.get(str(name), name)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (deep(MOST_DEPTH), None),
        (deep(MOST_DEPTH + 1), DEEP),
        ({"a": deep(MOST_DEPTH)}, DEEP),
        ("[" * 100, None),
        (list(range(MOST_VALUES - 1)), None),
        (list(range(MOST_VALUES)), MANY),
        ({str(n): [n] for n in range(MOST_VALUES // 2)}, MANY),
    ],
)
def test_depth_and_values_are_counted_the_same_in_data_and_in_json(value: Any, problem: str | None) -> None:
    assert shape_problem(value) == problem
    assert json_problem(msgspec.json.encode(value)) == problem


def test_json_too_deep_to_be_read_at_all_is_refused_too() -> None:
    assert json_problem(b"[" * 100_000 + b"]" * 100_000) == DEEP
    assert shape_problem(deep(100_000)) == DEEP


@pytest.mark.parametrize(
    ("value", "problem"),
    [(deep(MOST_DEPTH), DEEP), (deep(5000), DEEP), (["x"] * MOST_VALUES, MANY), ("x" * MOST_JSON, LONG)],
)
async def test_code_cannot_enqueue_what_nobody_could_look_at(database: Database, value: Any, problem: str) -> None:
    async with database.write("system") as session:
        with pytest.raises(Invalid) as refused:
            await enqueue(session, TaskRequest(kind="http.request", payload=call(value)))
    assert problem in refused.value.fields["payload"]


@pytest.mark.parametrize(("name", "problem"), [("deep", DEEP), ("many", MANY)])
@pytest.mark.parametrize("part", ["result", "step"])
async def test_a_result_of_a_task_or_a_step_is_refused_for_good(
    database: Database, settings: Settings, part: str, name: str, problem: str
) -> None:
    await make_task(database, kind="test.returns", payload={part: name})
    async with database.write("worker:test") as session:
        [task] = await claim_tasks(
            session, queue="default", kinds=["test.returns"], worker=UUID(int=1), limit=1, lease=settings.lease
        )
    context = Context(task, database=database, settings=settings, actor="worker:test", executors=Executors())
    outcome = await execute(task, context)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, problem in str(outcome.reason)) == (TaskState.DEAD_LETTER, True)


@pytest.mark.parametrize("value", [{"a": deep(MOST_DEPTH)}, list(range(MOST_VALUES))])
def test_what_is_shown_with_an_approval_request_is_refused_for_good(value: Any) -> None:
    with pytest.raises(QuestionImpossible):
        resolving.check_question(Question(hold=HoldType.APPROVAL, step="go", title="T", shown=value))


def test_an_import_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="nested deeper than 64"):
        json_of(msgspec.json.encode(deep(MOST_DEPTH + 1)).decode())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (msgspec.json.encode(call(deep(MOST_DEPTH))), DEEP),
        (msgspec.json.encode(call(["x"] * MOST_VALUES)), MANY),
        (b'{"a":' * 20_000, DEEP),
    ],
)
async def test_a_form_says_what_is_wrong_with_its_json(member: Browser, value: bytes, problem: str) -> None:
    answer = await member.send_form("/tasks", {"kind": "http.request", "payload": value.decode()})
    assert answer.status_code == 422
    assert problem in words(answer)


async def large_task(database: Database, owner: Principal, payload: bytes) -> UUID:
    """As a release without these limits has stored it."""
    start = {"url": URL}
    task_id = await make_task(database, TaskState.DEAD_LETTER, kind="http.request", payload=start, owner_id=owner.id)
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE tasks SET payload = CAST(:p AS jsonb) WHERE id = :id"), {"p": payload.decode(), "id": task_id}
        )
    return task_id


LARGE = {
    "many": {"url": URL, "json": [f"value {n}" for n in range(MOST_VALUES)]},
    "long": {"url": URL, "text": "x" * 400_000},
    "deep": {"url": URL, "json": deep(300)},
}


@pytest.mark.parametrize("what", LARGE)
async def test_the_page_of_a_task_shows_the_beginning_and_says_where_the_rest_is(
    database: Database, member: Browser, ann: Principal, what: str
) -> None:
    task_id = await large_task(database, ann, msgspec.json.encode(LARGE[what]))
    page = await member.get(f"/tasks/{task_id}")
    assert page.status_code == 200
    assert len(page.content) < 200_000
    if what != "deep":
        assert f'href="/tasks/{task_id}/task.json" download' in page.text
    whole = await member.get(f"/tasks/{task_id}/task.json")
    assert whole.status_code == 200
    if what != "deep":
        assert whole.json()["task"]["payload"] == LARGE[what]
    edit = await member.get(f"/tasks/{task_id}/edit")
    assert edit.status_code == 200 and len(edit.content) < 200_000
    export = await member.get("/tasks/export.json")
    assert export.status_code == 200


def test_a_secret_in_a_long_list_is_kept_without_comparing_all_with_all() -> None:
    old = {"list": [{"token": "a", "n": n} for n in range(2000)]}
    given = masked(old)
    given["list"].append({"n": "new"})
    assert with_secrets(given, old)["list"][:2000] == old["list"]
