"""What others do with postings: read one, mark it as applied to, start a run of applications."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.core.db import Session, WriteSession
from app.core.errors import Invalid
from app.core.principal import Principal
from app.postings import queries
from app.postings.errors import PostingNotFound
from app.postings.formats import Question
from app.postings.models import Posting
from app.postings.queries import Listed
from app.runs import queries as run_queries
from app.runs import service as runs
from app.runs.errors import EmptyRun
from app.tasks.service import TaskRequest

MOST = 10_000
"""Postings in one run."""

KIND = "application.submit"


class PostingView(msgspec.Struct, frozen=True, kw_only=True):
    """A posting as others read it. `description` is sanitised HTML; `applied_at` is the first application's."""

    id: UUID
    owner_id: UUID
    title: str
    company: str
    location: str
    url: str
    canonical_url: str
    apply_url: str
    description: str
    external_id: str
    source: str
    questions: list[Question]
    extra: dict[str, str]
    created_at: datetime
    applied_at: datetime | None
    applied_task_id: UUID | None


class Started(msgspec.Struct, frozen=True):
    """A run of applications. `skipped` had been applied to; `again`: the same form had started this run before."""

    run_id: UUID
    tasks: int
    skipped: int
    again: bool = False


async def load(session: Session, posting_id: UUID, owner_id: UUID | None) -> PostingView:
    """Raises PostingNotFound, also when it is not `owner_id`'s. None is everybody's (a Principal's scope)."""
    posting = await queries.find_posting(session, posting_id, owner_id)
    if posting is None:
        raise PostingNotFound
    return _view(posting)


def _view(posting: Posting) -> PostingView:
    values = {name: getattr(posting, name) for name in PostingView.__struct_fields__ if name != "questions"}
    return PostingView(questions=msgspec.convert(posting.questions, list[Question]), **values)


async def mark_applied(session: WriteSession, posting_id: UUID, task_id: UUID, *, now: datetime | None = None) -> None:
    """The posting has been applied to, by this task. A second application changes nothing."""
    await queries.set_applied(session, posting_id, task_id, now=now)


async def start_applications(
    session: WriteSession,
    by: Principal,
    *,
    name: str,
    posting_ids: Sequence[UUID],
    force: bool,
    form: UUID | None = None,
) -> Started:
    """A run with a task for every posting; those applied to already are left out unless `force`.

    Args:
        form: the run's id, chosen when its form was shown. The same form sent twice, even at once, makes one run.

    Raises:
        PostingNotFound: any of them is unknown or not the person's own, whatever their role: an application is
            made from the profile of the one who starts it.
        EmptyRun: nothing chosen, or nothing left. Invalid: the name, or too many. UnknownKind.
    """
    if form is not None:
        await queries.wait_for_twin(session, form)
        if await run_queries.find_run(session, form, by.id) is not None:
            return Started(form, 0, 0, again=True)
    wanted = set(posting_ids)
    if not wanted:
        raise EmptyRun("Choose at least one posting.")
    if len(wanted) > MOST:
        raise Invalid(f"A run takes at most {MOST:,} postings. Start several.", {"postings": f"At most {MOST:,}."})
    found = await queries.chosen_postings(session, by.id, list(wanted))
    if len(found) < len(wanted):
        raise PostingNotFound
    todo = [posting for posting in found if force or posting.applied_at is None]
    if not todo:
        raise EmptyRun(_all_applied(len(found)))
    run_id = await _start_run(session, by, name, [_request(posting) for posting in todo], form)
    return Started(run_id, len(todo), len(found) - len(todo))


def _all_applied(n: int) -> str:
    begin = "The chosen posting has" if n == 1 else f"All {n:,} chosen postings have"
    return f"{begin} been applied to already. Choose others, or tick “Apply again”."


def _request(posting: Listed) -> TaskRequest:
    return TaskRequest(
        kind=KIND,
        payload={"posting_id": str(posting.id)},
        subject=str(posting.id),
        title=f"{posting.title} — {posting.company}",
    )


async def _start_run(
    session: WriteSession, by: Principal, name: str, requests: list[TaskRequest], run_id: UUID | None
) -> UUID:
    """`runs.start_run`, under an id that was chosen before."""
    if run_id is None:
        return await runs.start_run(session, by, name, requests)
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise Invalid("A run needs a name of at most 200 characters.", {"name": "From 1 to 200 characters."})
    await run_queries.insert_run(session, run_id, by.id, name)
    await runs.add_tasks(session, by, run_id, requests)
    return run_id
