"""Erasing a person leaves nothing of them but what the page says, and what was decided stays verifiable."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import LargeBinary, Text, cast, func, literal_column, select, text

from holdgate.approvals.evidence import receipts, verify
from holdgate.approvals.models import Approval
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.signing import public_keys
from holdgate.personal_data import columns, statements
from holdgate.personal_data.addresses import pseudonym, sought
from holdgate.personal_data.erasing import erase_all, request_erasure
from holdgate.personal_data.exporting import ExportedPerson, export_person
from tests.factories.approvals import principal, put_question
from tests.factories.installation import everything
from tests.factories.people import PEOPLE
from tests.factories.races import impatient, until_it_waits

ANN = "ann.archer@people.example"


async def fill(database: Database, settings: Settings) -> Any:
    """Ann has data in every feature, and others name her."""
    await principal(database, "boss@people.example", admin=True)
    ann = await principal(database, ANN, admin=True)
    PEOPLE[ann.email] = ann
    await put_question(database, settings, recipients=(ANN, "ann.archer+work@people.example", "bob@people.example"))
    names = await everything(database, settings, ann)
    async with database.write(f"user:{ANN}") as session:
        await session.execute(
            text(
                "WITH p AS (INSERT INTO profiles (user_id, name, email) VALUES (:id, 'Ann Archer', 'ann@home.example'))"
                " INSERT INTO resumes (id, user_id, name, media_type, content)"
                " VALUES (gen_random_uuid(), :id, 'cv.txt', 'text/plain', :file)"
            ),
            {"id": ann.id, "file": b"A resume of ann@home.example"},
        )
        for name in ("tasks", "approvals"):  # one on which somebody has decided is hers
            key = "id" if name == "approvals" else "(SELECT id FROM approvals a WHERE a.task_id = tasks.id)"
            await session.execute(
                text(f"UPDATE {name} SET owner_id = :id WHERE {key} = :decided"),
                {"id": ann.id, "decided": UUID(names["decided"])},
            )
        # Whatever a text of others may say, in every table that has one.
        for table in columns.tables():
            for column in columns.texts(table):
                if isinstance(column.type, Text) and not column.primary_key and column.name in FREE:
                    changed = func.left(func.coalesce(column, ""), 100) + f" ({ANN.upper()}, not x{ANN})"
                    await session.execute(text("SELECT set_config('holdgate.erasing', 'on', true)"))
                    await session.execute(table.update().values({column.name: changed}))
    return ann


FREE = {"reason", "note", "problem", "resolution", "answer", "question", "description", "sign", "host", "browser"}


async def left(database: Database, words: str) -> list[str]:
    """Where in the whole database the words stand."""
    found = []
    async with database.read() as session:
        for table in columns.tables():
            row = cast(literal_column(f'"{table.name}"'), Text)
            raw = [func.encode(column, "escape") for column in table.columns if isinstance(column.type, LargeBinary)]
            for place in (row, *raw):
                stands = func.strpos(func.lower(place), words.lower()) > 0
                n = await session.scalar(select(func.count()).select_from(table).where(stands))
                if n:
                    found.append(f"{table.name}: {n}")
    return found


async def test_nothing_of_an_erased_person_is_left_and_receipts_still_verify(
    database: Database, settings: Settings
) -> None:
    ann = await fill(database, settings)
    before = await left(database, ANN)
    assert len(before) > 15, before
    async with database.write("user:boss@people.example") as session:
        erasure = await request_erasure(session, None, ANN)
    await erase_all(database, settings)
    async with database.read() as session:
        theirs = await session.execute(text("SELECT count(*) FROM tasks WHERE owner_id = :id"), {"id": ann.id})
        assert theirs.scalar_one() > 0  # those with decisions
    # What stands for another person, of whose address hers is a part, is hers to keep.
    assert [place for place in await left(database, ANN) if not await only_as_part(database, place.split(":")[0])] == []
    for words in ("ann.archer+work@", "ann@home.example", "Ann Archer"):
        assert await left(database, words) == [], words
    assert await left(database, erasure.pseudonym) != []
    async with database.read() as session:
        assert [await verify.problems(session, check, 10) for check in verify.CHECKS] == [[], [], []]
        assert await verify.changed_questions(session, 10) == []
        decided = await session.execute(select(Approval).where(Approval.state.in_(receipts.DECIDED)))
        rows = list(decided.scalars())
        assert any(row.erased_at for row in rows)
        for row in rows:
            if await receipts.exists(session, settings, row):
                receipt = await receipts.receipt_of(session, settings, row)
                assert receipts.check(receipt.text, public_keys(settings.secret_keys)).problem == ""
                assert (b"erased_at" in receipt.text) == (row.erased_at is not None)
        audit = await session.execute(text("SELECT actor, subject FROM audit_events WHERE verb = 'erase'"))
        assert audit.all() == [("user:boss@people.example", erasure.pseudonym)]


async def test_of_two_who_request_it_at_the_same_moment_both_get_the_one_erasure(database: Database) -> None:
    pids: asyncio.Queue[int] = asyncio.Queue()

    async def request() -> UUID:
        async with database.write("system") as session:
            pids.put_nowait(await impatient(session))
            return (await request_erasure(session, None, ANN)).id

    async with database.write("system") as session:
        erasure = await request_erasure(session, None, ANN)
        other = asyncio.create_task(request())
        await until_it_waits(database, await pids.get(), other)
    assert await other == erasure.id


async def only_as_part(database: Database, table: str) -> bool:
    async with database.read() as session:
        found = await session.execute(text(f'SELECT lower(CAST(t AS text)) FROM "{table}" t'))
        return all(ANN not in row.replace(f"x{ANN}", "") for row in found.scalars())


def test_every_table_of_a_person_is_deleted_emptied_or_kept_for_a_reason() -> None:
    """One that is new fails here until somebody has said what becomes of it."""
    known = {name.split(" ")[0] for part in (statements.STOP, statements.EMPTY, statements.LAST) for name in part}
    known |= set(statements.KEPT) | {"artifacts"}
    theirs = {table.name for table in columns.tables() if columns.owned(table) is not None}
    assert theirs - known == set()


def test_every_column_of_bytes_is_known() -> None:
    """No pattern finds an address in them, so somebody has to say what becomes of each."""
    found = {columns.name_of(column) for table in columns.tables() for column in columns.holds_bytes(table)}
    assert found - columns.DERIVED == set(columns.BYTES)


async def test_the_export_has_the_rows_of_a_person_and_no_secret(database: Database, settings: Settings) -> None:
    ann = await fill(database, settings)

    async def exported(mentions: bool) -> dict[str, list[dict[str, Any]]]:
        pieces = [piece async for piece in export_person(database, ExportedPerson(ANN, ann.id, mentions))]
        found: dict[str, list[dict[str, Any]]] = json.loads(b"".join(pieces))["tables"]
        return found

    own, all_ = await exported(False), await exported(True)
    assert {"users", "profiles", "tasks", "task_steps", "task_log", "approvals", "postings", "schedules"} <= set(own)
    assert {row["email"] for row in own["users"]} == {ANN}
    assert {row["owner_id"] for row in own["tasks"]} == {str(ann.id)}
    assert len(own["tasks"]) < len(all_["tasks"])
    assert {row["email"] for row in own["group_members"]} == {ANN}
    assert "secret" not in own["webhook_endpoints"][0]
    assert "token_hash" not in own["api_tokens"][0]


@pytest.mark.parametrize(
    ("words", "replaced"),
    [
        ("to ann@x.example.", "to NEW."),
        ("Ann+Work@X.Example", "NEW+Work"),
        ('{"a": "ann@x.example"}', '{"a": "NEW"}'),
        ("joann@x.example", "joann@x.example"),
        ("ann@x.example.org", "ann@x.example.org"),
        ("user:ann@x.example", "user:NEW"),
    ],
)
async def test_an_address_is_replaced_and_no_part_of_another(database: Database, words: str, replaced: str) -> None:
    new = pseudonym()
    looked = sought(["ann@x.example"], new)
    async with database.read() as session:
        found = await session.scalar(
            text("SELECT regexp_replace(:words, :pattern, :new, 'gi')"),
            {"words": words, "pattern": looked.pattern, "new": looked.replacement},
        )
    mailbox, _, domain = new.partition("@")
    expected = replaced.replace("NEW+Work", f"{mailbox}+Work@{domain}").replace("NEW", new)
    assert found == expected
