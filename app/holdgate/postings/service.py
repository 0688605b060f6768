"""What others do with postings: read one, mark it as applied to, start a run of applications or add to one."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.postings import applied_queries, queries
from holdgate.postings.channels import Channel, Way, way_of
from holdgate.postings.duplicates.queries import kept_ids
from holdgate.postings.errors import PostingNotFound
from holdgate.postings.formats import PostingQuestion
from holdgate.postings.models import Posting
from holdgate.postings.queries import Listed
from holdgate.runs import lookup
from holdgate.runs import service as runs
from holdgate.runs.errors import EmptyRun, RunNotFound, RunRefuses
from holdgate.runs.models import Run
from holdgate.runs.states import RunState
from holdgate.tasks.search.lists import subjects_of_run, unfinished_subjects
from holdgate.tasks.service import TaskRequest

MOST = 10_000
"""Postings in one run."""

CENTURY = range(2000, 2200)
"""Years in which a person may have applied: a slip of the year is told, and the database has no year 0."""

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
    questions: list[PostingQuestion]
    extra: dict[str, str]
    channel: Channel
    valid_through: date | None
    closed: bool
    archived_at: datetime | None
    edited_at: datetime | None
    resume_id: UUID | None
    letter: str
    created_at: datetime
    applied_at: datetime | None
    applied_task_id: UUID | None

    @property
    def way(self) -> Way:
        """How an application is sent, and why so."""
        return way_of(self.url, self.apply_url, self.questions)


class Material(msgspec.Struct, frozen=True):
    """A résumé and a letter template chosen for a run."""

    resume_id: UUID | None = None
    letter: str = ""

    @property
    def payload(self) -> dict[str, str]:
        given = {"resume_id": str(self.resume_id or ""), "letter": self.letter}
        return {name: value for name, value in given.items() if value}


USUAL = Material()


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
    values = {name: getattr(posting, name) for name in PostingView.__struct_fields__}
    values["questions"] = msgspec.convert(posting.questions, list[PostingQuestion])
    values["channel"] = Channel(posting.channel)
    return PostingView(**values)


async def begin_sending(session: WriteSession, posting_id: UUID, task_id: UUID) -> bool:
    """From now on no other task may send an application for the posting until this one is over, or asks for approval
    again. False: another one is sending. Asking again is harmless."""
    return await applied_queries.set_sending(session, posting_id, task_id)


async def mark_applied(
    session: WriteSession, posting_id: UUID, task_id: UUID | None, *, now: datetime | None = None
) -> None:
    """The posting has been applied to, by this task. A second application changes nothing."""
    await applied_queries.set_applied(session, posting_id, task_id, now=now)


async def mark_applied_elsewhere(
    session: WriteSession, by: Principal, posting_ids: Sequence[UUID], *, at: datetime | None = None
) -> int:
    """The person has applied to these without Holdgate, now or at a time before. Returns to how many they had not yet.

    Raises:
        PostingNotFound: any of them is unknown or not the person's own. EmptyRun, Invalid: none, or too many; or the
            time is none that can be meant.
    """
    if at is not None and at.year not in CENTURY:
        sentence = "Enter a date of this century."
        raise Invalid(sentence, {"at": sentence})
    found = await _chosen(session, by, posting_ids)
    return len(await applied_queries.set_applied_elsewhere(session, by.id, [posting.id for posting in found], at))


async def unmark_applied_elsewhere(session: WriteSession, by: Principal, posting_id: UUID) -> None:
    """They have not applied to it after all. Raises PostingNotFound; Conflict: a task has, which cannot be undone."""
    if await applied_queries.unset_applied_elsewhere(session, by.id, posting_id):
        return
    await load(session, posting_id, by.id)
    raise Conflict("Only what you have marked as applied elsewhere can be undone. This posting is not so marked.")


async def start_applications(
    session: WriteSession,
    by: Principal,
    *,
    name: str,
    posting_ids: Sequence[UUID],
    force: bool,
    form: UUID | None = None,
    material: Material = USUAL,
) -> Started:
    """A run with a task for every posting; those applied to, or in the course of it, are left out unless `force`.

    Args:
        material: what the applications are made with, unless it is the usual.
        form: the run's id, chosen when its form was shown. The same form sent twice, even at once, makes one run.

    Raises:
        PostingNotFound: any of them is unknown or not the person's own, whatever their role: an application is
            made from the profile of the one who starts it.
        EmptyRun: nothing chosen, or nothing left. Invalid: the name, or too many. UnknownKind.
    """
    if form is not None:
        await queries.wait_for_twin(session, form)
        if await lookup.find_run(session, form, by.id) is not None:
            return Started(form, 0, 0, again=True)
    found = await _chosen(session, by, posting_ids)
    todo = found if force else await _not_yet(session, by, found)
    if not todo:
        raise EmptyRun(_all_applied(len(found)))
    run_id = await runs.start_run(session, by, name, [_request(posting, material) for posting in todo], run_id=form)
    return Started(run_id, len(todo), len(found) - len(todo))


async def run_for_more(session: Session, by: Principal, run_id: UUID) -> Run:
    """The run, if the person may add applications to it: their own, and not cancelled.

    Raises:
        RunNotFound, RunRefuses
    """
    run = await lookup.find_run(session, run_id, by.id)
    if run is None:
        raise RunNotFound
    if run.state == RunState.CANCELLED:
        raise RunRefuses("add_to", run.state)
    return run


async def add_applications(
    session: WriteSession,
    by: Principal,
    run_id: UUID,
    *,
    posting_ids: Sequence[UUID],
    force: bool,
    material: Material = USUAL,
) -> Started:
    """More applications for a run of one's own. What the run has already is left out, so the same form sent twice adds
    nothing; what has been applied to, or is in the course of it elsewhere, is left out unless `force`.

    Raises:
        RunNotFound, RunRefuses, PostingNotFound: of any of them. EmptyRun: nothing chosen, or nothing left. Invalid
    """
    await run_for_more(session, by, run_id)
    await queries.wait_for_twin(session, run_id)
    found = await _chosen(session, by, posting_ids)
    there = await subjects_of_run(session, run_id, [str(posting.id) for posting in found])
    todo = [posting for posting in found if str(posting.id) not in there]
    if not force:
        todo = await _not_yet(session, by, todo)
    if not todo:
        raise EmptyRun("All that were chosen are in this run, or have been applied to already. Choose others.")
    await runs.add_tasks(session, by, run_id, [_request(posting, material) for posting in todo])
    return Started(run_id, len(todo), len(found) - len(todo))


async def _chosen(session: WriteSession, by: Principal, posting_ids: Sequence[UUID]) -> list[Listed]:
    wanted = set(posting_ids)
    if not wanted:
        raise EmptyRun("Choose at least one posting.")
    if len(wanted) > MOST:
        raise Invalid(f"A run takes at most {MOST:,} postings. Start several.", {"postings": f"At most {MOST:,}."})
    stand_for = await kept_ids(session, by.id, list(wanted))
    if len(stand_for) < len(wanted):
        raise PostingNotFound
    return await queries.chosen_postings(session, by.id, list(set(stand_for.values())))


async def _not_yet(session: WriteSession, by: Principal, found: Sequence[Listed]) -> list[Listed]:
    """Those neither applied to nor in the course of it: an application may wait for its approval in another run."""
    open_ones = [posting for posting in found if posting.applied_at is None]
    under_way = await unfinished_subjects(session, by.id, KIND, [str(posting.id) for posting in open_ones])
    return [posting for posting in open_ones if str(posting.id) not in under_way]


def _all_applied(n: int) -> str:
    begin = "The chosen posting has" if n == 1 else f"All {n:,} chosen postings have"
    return f"{begin} been applied to already, or an application is under way. Choose others, or tick “Apply again”."


def _request(posting: Listed, material: Material) -> TaskRequest:
    return TaskRequest(
        kind=KIND,
        payload={"posting_id": str(posting.id), **material.payload},
        subject=str(posting.id),
        title=f"{posting.title} — {posting.company}",
    )
