"""Statements about postings that are, or may be, one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.postings.duplicates.conditions import candidates, is_likely, kept
from holdgate.postings.formats.rows import host_of
from holdgate.postings.models import DistinctPostings, Posting


class LikelySame(NamedTuple):
    """A posting that is likely the same as another one."""

    id: UUID
    title: str
    company: str
    location: str
    url: str
    applied_at: datetime | None

    @property
    def site(self) -> str:
        return host_of(self.url)


class PostingAddress(NamedTuple):
    """Another address of a posting. `id` is that of the posting which it was."""

    id: UUID
    url: str
    source: str

    @property
    def site(self) -> str:
        return host_of(self.url)


async def likely_of(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, list[LikelySame]]:
    """By the posting, oldest first; of its own person."""
    one = candidates(*LikelySame._fields, "created_at")
    columns = [one.c[name] for name in LikelySame._fields]
    found = (
        select(Posting.id, *columns)
        .join(one, is_likely(one))
        .where(Posting.id == any_(_ids(ids)))
        .order_by(Posting.id, one.c.created_at, one.c.id)
    )
    likely: defaultdict[UUID, list[LikelySame]] = defaultdict(list)
    for posting_id, *values in await session.execute(found):
        likely[posting_id].append(LikelySame(*values))
    return dict(likely)


async def addresses_of(session: AsyncSession, posting_id: UUID) -> list[PostingAddress]:
    """The other addresses of a posting."""
    found = select(Posting.id, Posting.url, Posting.source).where(Posting.duplicate_of == posting_id)
    return [PostingAddress(*row) for row in await session.execute(found.order_by(Posting.created_at, Posting.id))]


async def kept_ids(session: AsyncSession, owner_id: UUID, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Those of `ids` that are this person's, each with the posting that it stands for."""
    found = select(Posting.id, func.coalesce(Posting.duplicate_of, Posting.id)).where(
        Posting.owner_id == owner_id, Posting.id == any_(_ids(ids))
    )
    return {given: posting for given, posting in await session.execute(found)}


async def lock(session: WriteSession, owner_id: UUID, *ids: UUID) -> list[Posting]:
    """The postings of this person that the ids stand for, in the order in which imports lock them."""
    found = (
        select(Posting)
        .where(Posting.owner_id == owner_id, or_(*(Posting.id == kept(id) for id in ids)))
        .order_by(Posting.canonical_url)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(found)).scalars())


async def join(session: WriteSession, posting_id: UUID, other_id: UUID) -> None:
    """The other one, and what are its addresses, are addresses of the posting from now on."""
    await _set_duplicate(session, or_(Posting.id == other_id, Posting.duplicate_of == other_id), posting_id)


async def part(session: WriteSession, posting_id: UUID, other_id: UUID) -> bool:
    """A posting of its own again. False: it is no address of that posting."""
    return await _set_duplicate(session, (Posting.id == other_id) & (Posting.duplicate_of == posting_id), None)


async def _set_duplicate(session: WriteSession, which: Any, posting_id: UUID | None) -> bool:
    changed = await session.execute(
        update(Posting)
        .where(which)
        .values(duplicate_of=posting_id)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.all())


async def keep_apart(session: WriteSession, one_id: UUID, other_id: UUID) -> None:
    """Never suggested as one again."""
    first, second = sorted((one_id, other_id))
    await session.execute(insert(DistinctPostings).values(first_id=first, second_id=second).on_conflict_do_nothing())


def _ids(ids: Sequence[UUID]) -> Any:
    return literal(list(ids), ARRAY(Posting.id.type))
