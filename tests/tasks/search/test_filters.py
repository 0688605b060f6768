"""A filter means the same as URL, as SQL, in words and in what is stored; what does not fit is said, not guessed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from holdgate.bulk.filter_labels import conditions_of
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import MOST_IDS, TaskFilter
from holdgate.tasks.search.parameters import parse_filter
from holdgate.tasks.search.values import parse_age
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import STANDINGS, TaskState
from tests.factories.bulk import buried
from tests.factories.people import add_user
from tests.factories.tasks import make_task

AGES = st.sampled_from(["", "90", "2h", "7d", "2026-11-23", "2026-11-23T09:00:00+00:00"])
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40).map(str.strip)
FILTERS = st.builds(
    TaskFilter,
    states=st.lists(st.sampled_from(STANDINGS), unique=True, max_size=4).map(tuple),
    kind=TEXTS,
    queue=TEXTS,
    run_id=st.none() | st.uuids(),
    subject=TEXTS,
    owner=st.sampled_from(["", "ann@example.org", str(uuid7())]),
    payload=st.sampled_from(["", "a:1", "payload.a.b:x y", '{"a": [1]}', 'a:"1"']),
    q=TEXTS.filter(lambda text: not text.startswith("payload.")),
    created_after=AGES,
    finished_before=AGES,
    ids=st.lists(st.uuids(), unique=True, max_size=3).map(tuple),
)


@given(FILTERS)
def test_a_filter_survives_the_url_and_the_table(wanted: TaskFilter) -> None:
    query = parse_qsl(urlencode(wanted.params()), keep_blank_values=True)
    assert parse_filter(query).good() == wanted
    assert msgspec.convert(msgspec.to_builtins(wanted), TaskFilter) == wanted
    assert len(conditions_of(wanted)) >= (1 if wanted.params() else 0)


@given(st.lists(st.tuples(st.sampled_from(["state", "payload", "run_id", "created_after", "q", "id"]), st.text())))
def test_whatever_is_typed_is_a_filter_or_a_sentence_and_is_kept(params: list[tuple[str, str]]) -> None:
    form = parse_filter(params)
    assert (form.wanted is None) == bool(form.errors)
    for name, sentence in form.errors.items():
        assert sentence.endswith(".")
        assert form.value(name)


async def matching(database: Database, wanted: TaskFilter) -> set[UUID]:
    async with database.read() as session:
        return set((await session.execute(select(Task.id).where(wanted.where()))).scalars())


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ("word:blue", True),
        ("payload.word:blue", True),
        ('{"word": "blue"}', True),
        ("word:red", False),
        ('word:"blue"', True),
        ("word:42", False),
        ("nested.word:blue", False),
    ],
)
async def test_the_payload_is_searched_by_path_and_by_containment(
    database: Database, payload: str, found: bool
) -> None:
    task_id = await make_task(database, payload={"word": "blue"})
    await make_task(database, payload={"word": "green"})
    assert await matching(database, TaskFilter(payload=payload)) == ({task_id} if found else set())


def test_a_payload_may_be_asked_for_where_one_searches() -> None:
    form = parse_filter([("q", "payload.word:blue")])
    assert form.good() == TaskFilter(payload="payload.word:blue")
    assert form.values == {"payload": "payload.word:blue"}, "shown where it counts, so that it can be sent again"
    assert "payload" in parse_filter([("q", "payload.word")]).errors


async def test_a_number_in_the_payload_is_found_as_number_and_as_text(database: Database) -> None:
    number, letters = await make_task(database), await make_task(database)
    async with database.write("system") as session:
        for id, payload in ((number, '{"a": {"n": 42}}'), (letters, '{"a": {"n": "42"}}')):
            await session.execute(
                text("UPDATE tasks SET payload = CAST(:p AS jsonb) WHERE id = :id"), {"id": id, "p": payload}
            )
    assert await matching(database, TaskFilter(payload="a.n:42")) == {number, letters}
    assert await matching(database, TaskFilter(payload='a.n:"42"')) == {letters}


async def test_each_condition_narrows_and_all_hold_together(database: Database) -> None:
    ann = await add_user(database, "Ann@example.org")
    one = await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id, title="Apply 100% at Harrow", queue="slow")
    other = await make_task(database, TaskState.QUEUED, title="Apply at Leeds")
    [failed] = await buried(database, 1)
    resolved = await make_task(database, TaskState.DEAD_LETTER)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET resolved_at = now() WHERE id = :id"), {"id": resolved})
        print_of = (await session.execute(select(Task.fingerprint).where(Task.id == failed))).scalar_one()
    everything = {one, other, failed, resolved}
    for wanted, expected in (
        (TaskFilter(), everything),
        (TaskFilter(states=("dead_letter",)), {one, failed}),
        (TaskFilter(states=("resolved",)), {resolved}),
        (TaskFilter(states=("resolved", "dead_letter")), {one, failed, resolved}),
        (TaskFilter(states=("queued", "resolved")), {other, resolved}),
        (TaskFilter(states=("queued", "dead_letter")), {one, failed, other}),
        (TaskFilter(kind="test.nothing"), everything),
        (TaskFilter(kind="test.other"), set()),
        (TaskFilter(queue="slow"), {one}),
        (TaskFilter(owner="ann@EXAMPLE.org"), {one}),
        (TaskFilter(owner=str(ann.id)), {one}),
        (TaskFilter(owner="eve@example.org"), set()),
        (TaskFilter(fingerprint=print_of or ""), {failed}),
        (TaskFilter(q="apply"), {one, other}),
        (TaskFilter(q="100%"), {one}),
        (TaskFilter(q=str(other)), {other}),
        (TaskFilter(ids=(one, other)), {one, other}),
        (TaskFilter(created_after="1h"), everything),
        (TaskFilter(created_before="1h"), set()),
        (TaskFilter(finished_after="1h"), everything - {other}),
        (TaskFilter(finished_before="1h"), set()),
        (TaskFilter(created_after="2h", created_before="0s"), everything),
        (TaskFilter(q="apply", states=("dead_letter",)), {one}),
    ):
        assert await matching(database, wanted) == expected, wanted


def test_ages_are_counted_from_the_moment_a_filter_is_fixed() -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    fixed = TaskFilter(created_after="2h", finished_before="2026-11-22").fixed(at)
    assert parse_age(fixed.created_after) == at - timedelta(hours=2)
    assert parse_age(fixed.finished_before) == datetime(2026, 11, 22, tzinfo=UTC)
    assert fixed.fixed(at + timedelta(days=1)) == fixed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "nonsense"),
        ("run_id", "x"),
        ("id", "x"),
        ("owner", "ann"),
        ("payload", "no colon"),
        ("payload", "{broken"),
        ("payload", "[1]"),
        ("fingerprint", "x"),
        ("created_after", "yesterday"),
        ("created_after", "999999999d"),
        ("finished_before", "0001-01-01"),
        ("q", "a\0b"),
        ("q", "x" * 3000),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_and_kept(name: str, value: str) -> None:
    form = parse_filter([(name, value), ("kind", "test.nothing")])
    assert form.wanted is None
    assert form.errors[name]
    assert form.value(name) == value
    assert form.value("kind") == "test.nothing"
    with pytest.raises(Invalid):
        form.good()


def test_too_many_selected_one_by_one_are_refused() -> None:
    assert parse_filter([("id", str(uuid7())) for _ in range(MOST_IDS + 1)]).errors


async def test_a_value_is_never_a_part_of_the_statement(database: Database) -> None:
    await make_task(database)
    assert await matching(database, TaskFilter(owner="a@b' OR '1'='1", kind="x' --")) == set()


async def test_a_task_is_enqueued_and_found_by_its_subject(database: Database) -> None:
    async with database.write("system") as session:
        task_id = await enqueue(session, TaskRequest(kind="test.nothing", payload={}, subject="posting:1"))
    assert await matching(database, TaskFilter(subject="posting:1")) == {task_id}


async def with_payload(database: Database, payload: dict[str, Any], title: str = "") -> UUID:
    task_id = await make_task(database, title=title)
    async with database.write("system") as session:
        values = {"id": task_id, "p": msgspec.json.encode(payload).decode()}
        await session.execute(text("UPDATE tasks SET payload = CAST(:p AS jsonb) WHERE id = :id"), values)
    return task_id


@pytest.mark.parametrize(
    ("payload", "sought"),
    [
        ({"n": 1.50}, '{"n": 1.5}'),
        ({"n": 100}, "n:100"),
        ({"on": True}, '{"on": true}'),
        ({"a": [{"b": "it's \\ odd & 'quoted' | so"}]}, '{"a": [{"b": "it\'s \\\\ odd & \'quoted\' | so"}]}'),
        ({"long": "x" * 201}, '{"long": "' + "x" * 201 + '"}'),
        ({"many": [str(n) for n in range(1500)]}, '{"many": ["1499"]}'),
        ({"none": None}, '{"none": null}'),
        ({"inner": {}}, '{"inner": {}}'),
        ({"empty": ""}, '{"empty": ""}'),
    ],
)
async def test_no_value_of_a_payload_is_too_odd_to_be_found(
    database: Database, payload: dict[str, Any], sought: str
) -> None:
    task_id = await with_payload(database, payload)
    await with_payload(database, {"word": "green"})
    assert await matching(database, TaskFilter(payload=sought)) == {task_id}


async def test_what_somebody_types_is_looked_for_in_titles_and_in_whole_values(database: Database) -> None:
    printer = await with_payload(database, {"to": "ann@example.org"}, "Printer/binder at Quillwork")
    other = await with_payload(database, {"to": "bob@example.org"}, "Print it")
    assert await matching(database, TaskFilter(q="prin")) == {printer, other}
    assert await matching(database, TaskFilter(q="quill BIND")) == {printer}
    assert await matching(database, TaskFilter(q="inter")) == set()  # not the beginning of a word
    assert await matching(database, TaskFilter(q="bob@example.org")) == {other}
    assert await matching(database, TaskFilter(q="'&|!:* \\")) == set()


async def test_words_follow_a_change_of_the_payload_and_go_with_their_task(database: Database) -> None:
    task_id = await make_task(database, title="One", payload={"word": "blue"})
    assert await matching(database, TaskFilter(queue="default", kind="test.nothing", q="one")) == {task_id}
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE tasks SET payload = '{\"word\": \"red\"}', title = 'Two', queue = 'its own'")
        )
    assert await matching(database, TaskFilter(payload="word:red", q="two", queue="its own")) == {task_id}
    assert await matching(database, TaskFilter(queue="default")) == set()
    assert await matching(database, TaskFilter(payload="word:blue")) == set()
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks"))
        assert (await session.execute(text("SELECT count(*) FROM task_words"))).scalar_one() == 0
