"""Erasing a person: what is theirs is deleted, and what has to be kept says a pseudonym instead of who they are.

It is done by the sweeper, a step at a time, each in a transaction of its own: first their work is stopped, then their
finished tasks are deleted, but those on which somebody has decided; what those hold is emptied; and at last the address
is replaced in every column of every table that can hold it. The session says `holdgate.erasing`, by which triggers know
that nothing is changed but words.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Text, TextClause, bindparam, case, cast, func, not_, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address, same_person
from holdgate.core.upkeep import Round
from holdgate.personal_data.addresses import ERASED, Sought, pseudonym, sought
from holdgate.personal_data.columns import tables, texts
from holdgate.personal_data.errors import AlreadyErased
from holdgate.personal_data.models import Erasure
from holdgate.personal_data.statements import EMPTY, LAST, STOP
from holdgate.tasks.artifacts import forget_files
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.queue.retention import delete_tasks, is_decided
from holdgate.tasks.states import FINISHED, TaskVerb

CHUNK = 500
SHOWN = 100  # erasures in the list
OWN = "erasures"  # which knows the address until it is done
PENDING = text("EXISTS (SELECT FROM erasures WHERE done_at IS NULL)")
# What was shown, so that it is known to be another text than was approved.
_SHOWN = ("title", "shown", "form", "choices")
_ERASING = text("SELECT set_config('holdgate.erasing', 'on', true)")

After = list[Callable[[], Awaitable[object]]]

logger = log.get(__name__)


async def request_erasure(session: WriteSession, by: Principal | None, email: str) -> Erasure:
    """Begin it: an account is disabled with this transaction, the rest follows within minutes.

    Args:
        by: None: whoever operates it, on the command line.

    Raises:
        BadAddress, LastAdmin
        Invalid: it is their own address, perhaps with another tag: that is the same person's.
        AlreadyErased: the address is a pseudonym.
    """
    address = checked_address(email)
    if by is not None and same_person(address, by.email):
        raise Invalid("You can’t erase yourself.", {"address": "Ask another administrator."})
    if address.endswith(f"@{ERASED}"):
        raise AlreadyErased
    user = await accounts.find_user_by_email(session, address)
    if user is not None and user.disabled_at is None:
        await accounts.disable(session, user.id)
    values = {"id": uuid7(), "address": address, "user_id": user.id if user else None, "pseudonym": pseudonym()}
    unless_begun = insert(Erasure).on_conflict_do_nothing(
        index_elements=[Erasure.address], index_where=Erasure.done_at.is_(None)
    )
    made = await session.execute(unless_begun.values(values).returning(Erasure))
    if (new := made.scalar_one_or_none()) is None:
        return (await session.execute(select(Erasure).where(Erasure.address == address))).scalar_one()
    logger.info("erasure requested", pseudonym=new.pseudonym, by=by.email if by else "system")
    return new


async def find_erasure(session: AsyncSession, erasure_id: UUID) -> Erasure | None:
    return await session.get(Erasure, erasure_id)


async def list_erasures(session: AsyncSession) -> Sequence[Erasure]:
    """The newest first."""
    found = await session.execute(select(Erasure).order_by(Erasure.requested_at.desc()).limit(SHOWN))
    return found.scalars().all()


async def erase_next(session: WriteSession, settings: Settings, after: After) -> bool:
    """Do one step of the oldest erasure. True: there is more to do.

    Args:
        after: gets what is to be done once the transaction has been committed.
    """
    oldest = select(Erasure).where(Erasure.done_at.is_(None)).order_by(Erasure.requested_at).limit(1)
    erasure = (await session.execute(oldest.with_for_update(skip_locked=True))).scalar_one_or_none()
    if erasure is None:
        return False
    await session.execute(_ERASING)
    name, step = _steps()[erasure.step]
    changed = await step(session, settings, erasure, after)
    if changed is None:
        return False
    erasure.changed = {**erasure.changed, **({name: erasure.changed.get(name, 0) + changed} if changed else {})}
    if changed < CHUNK or name not in CHUNKED:
        erasure.step += 1
    if erasure.step == len(_steps()):
        erasure.address, erasure.done_at = None, await session.scalar(select(func.now()))
    await session.flush()
    return True


async def erase_all(database: Database, settings: Settings) -> None:
    """Everything that has been requested, now: for the command line."""
    more = True
    while more:
        round = Round(database, settings, 0.0, [])
        async with database.write("system") as session:
            more = await erase_next(session, settings, round.after)
        for work in round.after:
            await work()


Step = Callable[[WriteSession, Settings, Erasure, After], Awaitable[int | None]]


def _statement(statement: TextClause) -> Step:
    async def run(session: WriteSession, settings: Settings, erasure: Erasure, after: After) -> int:
        known = {"user_id": erasure.user_id, "address": erasure.address, "person": canonical_address(_address(erasure))}
        done: Any = await session.execute(statement, known)
        return int(done.rowcount)

    return run


async def _cancel(session: WriteSession, settings: Settings, erasure: Erasure, after: After) -> int:
    """Their unfinished tasks, and emails to them."""
    moved = await move_tasks(session, TaskVerb.CANCEL, _theirs(erasure), limit=CHUNK, skip_locked=True)
    return len(moved)


async def _runs(session: AsyncSession, erasure: Erasure) -> bool:
    unfinished = select(Task.id).where(_theirs(erasure), Task.state.not_in(FINISHED)).limit(1)
    return await session.scalar(unfinished) is not None


async def _delete(session: WriteSession, settings: Settings, erasure: Erasure, after: After) -> int | None:
    """Their finished tasks on which nobody has decided. None: some have not ended."""
    if await _runs(session, erasure):
        erasure.step = CANCELLING
        return None
    rows = await session.execute(select(Task.id).where(_theirs(erasure), not_(is_decided())).limit(CHUNK))
    ids = list(rows.scalars())
    if ids and (files := await delete_tasks(session, ids)):
        after.append(partial(forget_files, settings, files))
    return len(ids)


async def _delete_files(session: WriteSession, settings: Settings, erasure: Erasure, after: After) -> int:
    """Of their tasks that stay."""
    rows = await session.execute(
        text("DELETE FROM artifacts WHERE task_id IN (SELECT id FROM tasks WHERE owner_id = :user_id) RETURNING key"),
        {"user_id": erasure.user_id},
    )
    if files := list(rows.scalars()):
        after.append(partial(forget_files, settings, files))
    return len(files)


def _replace(table: Table) -> Step:
    """The address by the pseudonym, in all columns of a table."""
    changed = {
        column: (
            cast(column, Text).regexp_match(bindparam("pattern"), flags="i"),
            cast(func.regexp_replace(cast(column, Text), bindparam("pattern"), bindparam("with"), "gi"), column.type),
        )
        for column in texts(table)
    }
    values: dict[Any, Any] = {column.name: value for column, (_, value) in changed.items()}
    if table.name == "approvals":
        shown = or_(*(found for column, (found, _) in changed.items() if column.name in _SHOWN))
        values["erased_at"] = case((shown, func.now()), else_=table.c.erased_at)
    statement = update(table).where(or_(*(found for found, _ in changed.values()))).values(values)

    async def run(session: WriteSession, settings: Settings, erasure: Erasure, after: After) -> int:
        sought = await _sought(session, erasure)
        done: Any = await session.execute(statement, {"pattern": sought.pattern, "with": sought.replacement})
        return int(done.rowcount)

    return run


async def _sought(session: WriteSession, erasure: Erasure) -> Sought:
    """Also the address that they apply for jobs with, unless somebody else has an account by it."""
    found = [_address(erasure)]
    other = await session.scalar(
        text("SELECT p.email FROM profiles p WHERE p.user_id = :user_id"), {"user_id": erasure.user_id}
    )
    try:
        second = checked_address(other or "")
    except BadAddress:
        second = ""
    if second and second not in found and await accounts.find_user_by_email(session, second) is None:
        found.append(second)
    return sought(found, erasure.pseudonym)


def _theirs(erasure: Erasure) -> Any:
    mail = Task.kind.in_(("email.send", "email.message")) & (Task.payload["to"].astext == erasure.address)
    return mail if erasure.user_id is None else or_(Task.owner_id == erasure.user_id, mail)


def _address(erasure: Erasure) -> str:
    assert erasure.address is not None
    return erasure.address


CHUNKED = {"tasks cancelled", "tasks deleted"}
CANCELLING = len(STOP)


@cache
def _steps() -> list[tuple[str, Step]]:
    return [
        *((name, _statement(statement)) for name, statement in STOP.items()),
        ("tasks cancelled", _cancel),
        ("tasks deleted", _delete),
        ("files deleted", _delete_files),
        *((name, _statement(statement)) for name, statement in EMPTY.items()),
        *((f"{table.name} replaced", _replace(table)) for table in tables() if texts(table) and table.name != OWN),
        *((name, _statement(statement)) for name, statement in LAST.items()),
    ]
