"""What a person says of two postings that look like one: the same, different, or different after all."""

from uuid import UUID

from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.postings.channels import Channel
from holdgate.postings.duplicates import queries
from holdgate.postings.duplicates.queries import LikelySame
from holdgate.postings.errors import PostingInUse, PostingNotFound
from holdgate.postings.models import Posting
from holdgate.postings.service import KIND
from holdgate.tasks.search.lists import unfinished_subjects

_EASIEST = (Channel.DIRECT, Channel.EMAIL, Channel.BY_HAND)


async def mark_same(session: WriteSession, by: Principal, posting_id: UUID, other_id: UUID) -> UUID:
    """They are one posting with several addresses from now on, which is applied to once. Returns the one that is shown:
    that was applied to, or is about to be; else that is open, is sent most easily, is older.

    Raises:
        PostingNotFound. PostingInUse: both have an application, one of which is under way still.
    """
    found = await queries.lock(session, by.id, posting_id, other_id)
    if len(found) != 2:
        await _both(session, by, posting_id, other_id)
        return found[0].id  # they were made one before
    under_way = await unfinished_subjects(session, by.id, KIND, [str(posting.id) for posting in found])

    def rank(posting: Posting) -> tuple[object, ...]:
        busy = str(posting.id) in under_way
        closed, way = posting.closed or posting.archived_at is not None, _EASIEST.index(Channel(posting.channel))
        return posting.applied_at is None, not busy, closed, way, posting.created_at, posting.id

    kept, other = sorted(found, key=rank)
    if str(other.id) in under_way:
        raise PostingInUse(
            "There is an application for each of the two, and one is under way. Cancel its task first, then try again."
        )
    await queries.join(session, kept.id, other.id)
    return kept.id


async def mark_different(session: WriteSession, by: Principal, posting_id: UUID, other_id: UUID) -> None:
    """They stay two, and are not suggested again. Raises PostingNotFound; PostingInUse: they were made one."""
    stand_for = await _both(session, by, posting_id, other_id)
    if len(set(stand_for.values())) < 2:
        raise PostingInUse("The two are one posting. Separate its addresses instead.")
    await queries.keep_apart(session, *stand_for.values())


async def separate(session: WriteSession, by: Principal, posting_id: UUID, other_id: UUID) -> None:
    """An address is a posting of its own again, as it was. Raises PostingNotFound, also where it is no address of it"""
    if other_id not in await queries.kept_ids(session, by.id, [other_id]):
        raise PostingNotFound
    if not await queries.part(session, posting_id, other_id):
        raise PostingNotFound
    await queries.keep_apart(session, posting_id, other_id)


async def applied_likely(session: Session, posting_id: UUID) -> LikelySame | None:
    """What its person has applied to already and is likely the same job."""
    likely = await queries.likely_of(session, [posting_id])
    return next((each for each in likely.get(posting_id, []) if each.applied_at is not None), None)


async def _both(session: WriteSession, by: Principal, posting_id: UUID, other_id: UUID) -> dict[UUID, UUID]:
    stand_for = await queries.kept_ids(session, by.id, [posting_id, other_id])
    if len(stand_for) < 2:
        raise PostingNotFound
    return stand_for
