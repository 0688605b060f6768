"""Statements about postings. `scope` is whose postings to look at; None is everybody's."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Select, any_, delete, func, literal, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor, before_cursor, count_rows
from holdgate.postings.channels import Channel
from holdgate.postings.duplicates.conditions import has_likely, kept
from holdgate.postings.formats import PostingRow
from holdgate.postings.models import Posting

MAX_WORDS = 200  # characters of a search that are looked at
NEW = timedelta(days=2)  # in which a posting of a board is marked as new


class Listed(NamedTuple):
    """A posting as lists show it, without its large columns."""

    id: UUID
    owner_id: UUID
    title: str
    company: str
    location: str
    url: str
    created_at: datetime
    applied_at: datetime | None
    closed: bool
    channel: Channel
    channel_reason: str
    applied_task_id: UUID | None
    archived_at: datetime | None
    is_new: bool


class Search(msgspec.Struct, frozen=True):
    """Which postings: all words of `q`, the last one as the beginning of a word; applied to, not yet, or either; closed
    (gone, or the last day for applications is over), open, or either; archived, not, or either; `likely` the same as
    another one. Of one posting with several addresses there is one row."""

    q: str = ""
    applied: bool | None = None
    closed: bool | None = None
    archived: bool | None = None
    likely: bool = False


def open_ones(q: str) -> Search:
    """What “all” means where applications are started."""
    return Search(q, applied=False, closed=False, archived=False)


_LISTED: tuple[Any, ...] = (
    Posting.id,
    Posting.owner_id,
    Posting.title,
    Posting.company,
    Posting.location,
    Posting.url,
    Posting.created_at,
    Posting.applied_at,
    Posting.closed,
    Posting.channel,
    Posting.channel_reason,
    Posting.applied_task_id,
    Posting.archived_at,
    (Posting.board != "") & Posting.applied_at.is_(None) & (Posting.created_at > func.now() - NEW),
)
_NEWEST = (Posting.created_at.desc(), Posting.id.desc())

# PostgreSQL cuts the text into words in both places, so that no input is a syntax error here. Every lexeme of the
# last word is a prefix: `full-sta` is 'full-sta', 'full' and 'sta'.
_WORDS = text(
    """
    words @@ (plainto_tsquery('simple', CAST(:head AS text)) && coalesce((
      SELECT CAST(string_agg('''' || replace(replace(l, '\\', '\\\\'), '''', '''''') || ''':*', ' & ') AS tsquery)
      FROM unnest(tsvector_to_array(to_tsvector('simple', CAST(:last AS text)))) AS l), CAST('' AS tsquery)))
    """
)


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Posting.owner_id == scope


def _found(scope: UUID | None, search: Search, *columns: Any) -> Select[Any]:
    found = select(*columns).where(_mine(scope), Posting.duplicate_of.is_(None))
    if search.likely:
        found = found.where(has_likely())
    if search.applied is not None:
        found = found.where(Posting.applied_at.is_not(None) if search.applied else Posting.applied_at.is_(None))
    if search.closed is not None:
        found = found.where(Posting.closed if search.closed else ~Posting.closed)
    if search.archived is not None:
        found = found.where(Posting.archived_at.is_not(None) if search.archived else Posting.archived_at.is_(None))
    if q := search.q.replace("\0", " ").replace("/", " ")[:MAX_WORDS].strip():
        *head, last = q.split()
        found = found.where(_WORDS.bindparams(head=" ".join(head), last=last))
    return found


async def list_postings(
    session: AsyncSession,
    scope: UUID | None,
    search: Search,
    limit: int,
    *,
    place: Cursor | None = None,
    oldest: bool = False,
) -> list[Listed]:
    """Newest first, and of one import in the order of its file; or `oldest` first. From behind `place`."""
    found = _found(scope, search, *_LISTED).limit(limit)
    found = before_cursor(found, Posting.created_at, Posting.id, place, oldest=oldest)
    return [Listed(*row) for row in await session.execute(found)]


async def count_listed(session: AsyncSession, scope: UUID | None, search: Search) -> int | None:
    """None: too many to count."""
    return await count_rows(session, _found(scope, search, Posting.id))


async def chosen_postings(session: AsyncSession, owner_id: UUID, ids: Sequence[UUID]) -> list[Listed]:
    """Those of `ids` that are this person's, in the order of lists."""
    among = Posting.id == any_(literal(list(ids), ARRAY(Posting.id.type)))
    found = select(*_LISTED).where(Posting.owner_id == owner_id, among).order_by(*_NEWEST)
    return [Listed(*row) for row in await session.execute(found)]


async def find_posting(session: AsyncSession, posting_id: UUID, scope: UUID | None) -> Posting | None:
    """Of one that is another's address that other."""
    return (
        (await session.execute(select(Posting).where(Posting.id == kept(posting_id), _mine(scope)))).scalars().first()
    )


async def id_of(session: AsyncSession, owner_id: UUID, canonical_url: str) -> UUID:
    """The posting a person has under an address."""
    same = (Posting.owner_id == owner_id, Posting.canonical_url == canonical_url)
    return (await session.execute(select(func.coalesce(Posting.duplicate_of, Posting.id)).where(*same))).scalar_one()


async def ids_of(session: AsyncSession, owner_id: UUID, search: Search, limit: int) -> list[UUID]:
    """The first `limit` in the order of lists."""
    found = _found(owner_id, search, Posting.id).order_by(*_NEWEST).limit(limit)
    return list((await session.execute(found)).scalars())


async def count_postings(session: AsyncSession, owner_id: UUID, search: Search) -> dict[Channel, int]:
    """How many are to be sent in each way."""
    found = _found(owner_id, search, Posting.channel, func.count()).group_by(Posting.channel)
    return {Channel(channel): number for channel, number in await session.execute(found)}


# Of two that are the same but for the port, the newer one.
_FOLLOW = text(
    """
    WITH moved AS (
      SELECT DISTINCT ON (r.canonical_url) p.id, r.url, r.canonical_url, r.apply_url, r.channel,
        r.channel_reason
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(url text, canonical_url text, apply_url text, channel text,
        channel_reason text)
      JOIN postings p ON p.owner_id = :owner AND p.canonical_url LIKE 'https://127.0.0.1:%'
        AND split_part(p.canonical_url, '/', 3) <> split_part(r.canonical_url, '/', 3)
        AND regexp_replace(p.canonical_url, ':\\d+/', '/') = regexp_replace(r.canonical_url, ':\\d+/', '/')
      WHERE NOT EXISTS (SELECT FROM postings k WHERE k.owner_id = :owner AND k.canonical_url = r.canonical_url)
      ORDER BY r.canonical_url, p.created_at DESC)
    UPDATE postings p SET url = m.url, canonical_url = m.canonical_url, apply_url = m.apply_url,
                          channel = m.channel, channel_reason = m.channel_reason
    FROM moved m WHERE p.id = m.id
    """
)


async def follow_site(session: WriteSession, owner_id: UUID, rows: Sequence[PostingRow]) -> None:
    """This person's postings of a site on this machine that had another port get the addresses of `rows`."""
    values = {"owner": owner_id, "rows": msgspec.json.encode(rows).decode()}
    await session.execute(_FOLLOW, values)


class HandMade(Protocol):
    """What a person says of a posting that no file does."""

    @property
    def valid_through(self) -> date | None: ...
    @property
    def resume_id(self) -> UUID | None: ...
    @property
    def letter(self) -> str: ...


async def set_material(session: WriteSession, posting_id: UUID, resume_id: UUID | None, letter: str) -> None:
    """What it is applied for with."""
    chosen = update(Posting).where(Posting.id == posting_id).values(resume_id=resume_id, letter=letter)
    await session.execute(chosen.execution_options(synchronize_session=False))


async def update_posting(
    session: WriteSession, posting_id: UUID, row: PostingRow, wanted: HandMade, *, now: datetime | None = None
) -> None:
    """What a person says of it. Raises IntegrityError: another one of theirs has the address."""
    told = (
        "title", "title_key", "company", "company_key", "location", "url", "canonical_url", "apply_url", "channel",
        "channel_reason",
        "description", "external_id",
    )  # fmt: skip
    values = {name: getattr(row, name) for name in told}
    values |= {name: getattr(wanted, name) for name in ("valid_through", "resume_id", "letter")}
    await session.execute(
        update(Posting)
        .where(Posting.id == posting_id)
        .values(**values, edited_at=func.now() if now is None else now)
        .execution_options(synchronize_session=False)
    )


async def set_archived(
    session: WriteSession, owner_id: UUID, posting_id: UUID, *, archived: bool, now: datetime | None = None
) -> bool:
    """False: there is no such posting of this person. Archived again, it keeps its time."""
    since = func.coalesce(Posting.archived_at, func.now() if now is None else now) if archived else None
    changed = await session.execute(
        update(Posting)
        .where(Posting.id == kept(posting_id), Posting.owner_id == owner_id)
        .values(archived_at=since)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


async def delete_posting(session: WriteSession, posting_id: UUID) -> None:
    await session.execute(delete(Posting).where(Posting.id == posting_id))


_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:key AS text), 0))")


async def wait_for_twin(session: WriteSession, form: UUID) -> None:
    """Of two transactions about the same form the second waits here until the first has ended."""
    await session.execute(_ALONE, {"key": f"holdgate form {form}"})


async def today(session: AsyncSession, zone: ZoneInfo) -> date:
    """The database's date there."""
    moment: datetime = (await session.execute(select(func.now()))).scalar_one()
    return moment.astimezone(zone).date()
