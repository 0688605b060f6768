"""What a person does to one posting: add it, change it, put it away, delete it."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy.exc import IntegrityError

from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings import queries
from holdgate.postings.errors import PostingInUse, PostingNotFound
from holdgate.postings.formats import Parsed, PostingQuestion, PostingRow
from holdgate.postings.formats.rows import Draft, checked
from holdgate.postings.imports import service as imports
from holdgate.postings.service import KIND
from holdgate.tasks.search.lists import unfinished_subjects

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class NewPosting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A posting whole, also when one is changed. `description` may be HTML; `valid_through` is the last day on which it
    takes applications. `resume_id` and `letter` (a name) are what is applied with, unless a run says otherwise."""

    title: Line
    company: Line
    url: Address
    location: Annotated[str, msgspec.Meta(max_length=300)] = ""
    apply_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    description: Annotated[str, msgspec.Meta(max_length=200_000)] = ""
    external_id: Annotated[str, msgspec.Meta(max_length=300)] = ""
    valid_through: date | None = None
    resume_id: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


async def add(session: WriteSession, by: Principal, wanted: NewPosting, source: str) -> tuple[UUID, bool]:
    """The posting, and whether one with its address was there: then it gets the text of this one. Raises Invalid"""
    row = _checked(wanted, source, [])
    import_id = await imports.keep(session, by, row.title, Parsed(source, [row], []))
    done = await imports.confirm(session, by, import_id, leave_out_errors=False)
    posting_id = await queries.id_of(session, by.id, row.canonical_url)
    if wanted.resume_id or wanted.letter:
        await queries.set_material(session, posting_id, wanted.resume_id, wanted.letter)
    return posting_id, not done.new


async def edit(
    session: WriteSession, by: Principal, posting_id: UUID, wanted: NewPosting, *, now: datetime | None = None
) -> None:
    """From now on no import changes it.

    Raises:
        PostingNotFound. Invalid: something does not fit, or another posting has this address.
    """
    posting = await queries.find_posting(session, posting_id, by.id)
    if posting is None:
        raise PostingNotFound
    row = _checked(wanted, posting.source, msgspec.convert(posting.questions, list[PostingQuestion]))
    try:
        async with session.begin_nested():
            await queries.update_posting(session, posting.id, row, wanted, now=now)
    except IntegrityError as error:
        raise Invalid("The address is taken.", {"url": "You have another posting with this address."}) from error


async def archive(
    session: WriteSession, by: Principal, posting_id: UUID, *, archived: bool, now: datetime | None = None
) -> None:
    """Archived, it is kept and no run takes it. Raises PostingNotFound"""
    if not await queries.set_archived(session, by.id, posting_id, archived=archived, now=now):
        raise PostingNotFound


async def delete(session: WriteSession, by: Principal, posting_id: UUID) -> None:
    """Raises:
    PostingNotFound. PostingInUse: it has been applied to, so that forgetting it could lead to a second application,
        or an application is under way.
    """
    posting = await queries.find_posting(session, posting_id, by.id)
    if posting is None:
        raise PostingNotFound
    if posting.applied_at is not None:
        raise PostingInUse("You have applied for it. Archive it instead, so that it isn’t applied for twice.")
    if await unfinished_subjects(session, by.id, KIND, [str(posting.id)]):
        raise PostingInUse("An application for it is under way. Cancel that task first, or archive the posting.")
    await queries.delete_posting(session, posting.id)


def _draft(wanted: NewPosting, questions: list[PostingQuestion]) -> Draft:
    told = msgspec.structs.asdict(wanted) | {
        "valid_through": wanted.valid_through.isoformat() if wanted.valid_through else ""
    }
    del told["resume_id"], told["letter"]
    return Draft(row=1, **told, questions=questions)


def _checked(wanted: NewPosting, source: str, questions: list[PostingQuestion]) -> PostingRow:
    parsed = checked(source, [_draft(wanted, questions)])
    if parsed.errors:
        raise Invalid("The posting is invalid.", {error.column: error.message for error in parsed.errors})
    return parsed.rows[0]
