"""Statements that carry out an import: its rows become postings, and known ones get what the rows say."""

from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession


class AddedPosting(msgspec.Struct, frozen=True):
    """A posting that an import has made."""

    id: UUID
    title: str
    company: str


PIECE = 2_000
"""Rows of one statement: on a busy machine ten thousand take longer than a statement may."""

# Rows that cross those of another import are taken in the order of their addresses, here and below and from piece to
# piece, so that the two wait for each other and do not deadlock. The form (where, what it asks, how it is sent) is one
# thing; the company stays, since a site's name may stand in for it.
_REFRESH = text(
    """
    WITH known AS (
      SELECT p.id, r.title, r.title_key, coalesce(nullif(r.location, ''), p.location) AS location,
             coalesce(nullif(r.description, ''), p.description) AS description, p.extra || r.extra AS extra,
             coalesce(CAST(nullif(r.valid_through, '') AS date), p.valid_through) AS valid_through,
             CASE WHEN f.told THEN r.apply_url ELSE p.apply_url END AS apply_url,
             CASE WHEN f.told THEN r.questions ELSE p.questions END AS questions,
             CASE WHEN f.told THEN coalesce(r.channel, 'direct') ELSE p.channel END AS channel,
             CASE WHEN f.told THEN coalesce(r.channel_reason, '') ELSE p.channel_reason END AS channel_reason
      FROM posting_imports i
      CROSS JOIN LATERAL (
        SELECT * FROM jsonb_to_recordset(i.rows)
          AS x(title text, location text, url text, canonical_url text, apply_url text, description text,
               questions jsonb, extra jsonb, valid_through text, channel text, channel_reason text, title_key text)
        ORDER BY x.canonical_url LIMIT :most OFFSET :skipped) AS r
      JOIN postings p ON p.owner_id = i.owner_id AND p.canonical_url = r.canonical_url
      CROSS JOIN LATERAL (SELECT r.questions <> '[]' OR r.apply_url <> r.url AS told) AS f
      WHERE i.id = :id AND p.applied_at IS NULL AND p.edited_at IS NULL
      ORDER BY p.canonical_url
      FOR UPDATE OF p)
    UPDATE postings p
    SET title = k.title, title_key = k.title_key, location = k.location, description = k.description, extra = k.extra,
        valid_through = k.valid_through, apply_url = k.apply_url, questions = k.questions, channel = k.channel,
        channel_reason = k.channel_reason
    FROM known k
    WHERE p.id = k.id
      AND (p.title, p.location, p.description, p.extra, p.valid_through, p.apply_url, p.questions, p.channel)
        IS DISTINCT FROM
          (k.title, k.location, k.description, k.extra, k.valid_through, k.apply_url, k.questions, k.channel)
    RETURNING p.id
    """
)


async def refresh_postings(session: WriteSession, import_id: UUID, rows: int) -> int:
    """Text and questions of known postings become those of the import's rows, unless they have been applied to, or
    changed by hand. Returns how many have changed."""
    changed = 0
    for piece in _pieces(rows):
        changed += len((await session.execute(_REFRESH, {"id": import_id, **piece})).all())
    return changed


def _pieces(rows: int) -> list[dict[str, int]]:
    return [{"most": PIECE, "skipped": skipped} for skipped in range(0, rows, PIECE)]


_APPLIED_AT = """CASE r.applied_on WHEN '' THEN NULL WHEN 'unknown' THEN now()
                                    ELSE CAST(r.applied_on AS timestamptz) END"""

# What a board has is open, whatever was known.
_NOTE_BOARD = text(
    """
    WITH known AS (
      SELECT p.id, i.board
      FROM posting_imports i
      CROSS JOIN LATERAL jsonb_to_recordset(i.rows) AS r(canonical_url text)
      JOIN postings p ON p.owner_id = i.owner_id AND p.canonical_url = r.canonical_url
      WHERE i.id = :id AND i.board <> '' AND (p.board <> i.board OR p.gone_at IS NOT NULL)
      ORDER BY p.canonical_url
      FOR UPDATE OF p)
    UPDATE postings p SET board = k.board, gone_at = NULL FROM known k WHERE p.id = k.id
    """
)
# What a tracker says was sent, was sent; at whichever of its addresses, it is the one posting that was applied to.
_NOTE_APPLIED = text(
    f"""
    WITH known AS (
      SELECT p.id, {_APPLIED_AT} AS applied_at, r.tracker_status
      FROM posting_imports i
      CROSS JOIN LATERAL jsonb_to_recordset(i.rows) AS r(canonical_url text, applied_on text, tracker_status text)
      JOIN postings d ON d.owner_id = i.owner_id AND d.canonical_url = r.canonical_url
      JOIN postings p ON p.id = coalesce(d.duplicate_of, d.id)
      WHERE i.id = :id AND r.applied_on <> ''
        AND (p.applied_at IS NULL OR r.tracker_status NOT IN ('', p.tracker_status))
      ORDER BY p.canonical_url
      FOR UPDATE OF p)
    UPDATE postings p
    SET applied_at = coalesce(p.applied_at, k.applied_at),
        tracker_status = coalesce(nullif(k.tracker_status, ''), p.tracker_status)
    FROM known k WHERE p.id = k.id
    """  # noqa: S608
)


async def note_known(session: WriteSession, import_id: UUID) -> None:
    """Of known postings: on which board they are, that they were applied to elsewhere, and what came of it."""
    await session.execute(_NOTE_BOARD, {"id": import_id})
    await session.execute(_NOTE_APPLIED, {"id": import_id})


# The ids fall with the row, so that lists, newest first, show the rows as the file has them.
_CARRY_OUT = text(
    f"""
    INSERT INTO postings (id, owner_id, title, company, location, url, canonical_url, apply_url, description,
                          external_id, source, board, questions, extra, valid_through, channel, channel_reason,
                          company_key, title_key, tracker_status, applied_at)
    SELECT (CAST(:ids AS uuid[]))[r.place], i.owner_id, r.title, r.company, r.location, r.url, r.canonical_url,
           r.apply_url, r.description, r.external_id, i.format, i.board, r.questions, r.extra,
           CAST(nullif(r.valid_through, '') AS date), coalesce(r.channel, 'direct'), coalesce(r.channel_reason, ''),
           r.company_key, r.title_key, r.tracker_status, {_APPLIED_AT}
    FROM posting_imports i
    CROSS JOIN LATERAL (
      SELECT * FROM ROWS FROM (
        jsonb_to_recordset(i.rows) AS (title text, company text, location text, url text, canonical_url text,
                                       apply_url text, description text, external_id text, questions jsonb,
                                       extra jsonb, valid_through text, channel text, applied_on text,
                                       channel_reason text, company_key text, title_key text, tracker_status text)
      ) WITH ORDINALITY AS x(title, company, location, url, canonical_url, apply_url, description, external_id,
                             questions, extra, valid_through, channel, applied_on, channel_reason, company_key,
                             title_key, tracker_status, place)
      ORDER BY x.canonical_url LIMIT :most OFFSET :skipped) AS r
    WHERE i.id = :id
    ON CONFLICT (owner_id, canonical_url) DO NOTHING
    RETURNING id, title, company
    """  # noqa: S608
)


async def insert_postings(session: WriteSession, import_id: UUID, ids: list[UUID]) -> list[AddedPosting]:
    """The import's rows become postings, except those whose address is known. Returns the new ones.

    Args:
        ids: one for every row, falling.
    """
    added: list[AddedPosting] = []
    for piece in _pieces(len(ids)):
        found = await session.execute(_CARRY_OUT, {"id": import_id, "ids": ids, **piece})
        added += [AddedPosting(*row) for row in found]
    return sorted(added, key=lambda each: each.id, reverse=True)


_STARTABLE = text(
    """
    SELECT DISTINCT p.id
    FROM posting_imports i
    CROSS JOIN LATERAL jsonb_to_recordset(i.rows) AS r(canonical_url text)
    JOIN postings d ON d.owner_id = i.owner_id AND d.canonical_url = r.canonical_url
    JOIN postings p ON p.id = coalesce(d.duplicate_of, d.id)
    WHERE i.id = :id AND p.archived_at IS NULL AND p.gone_at IS NULL
      AND coalesce(p.valid_through >= current_date, true)
    """
)


async def startable(session: AsyncSession, import_id: UUID) -> list[UUID]:
    """The postings of a confirmed import that are open."""
    return list((await session.execute(_STARTABLE, {"id": import_id})).scalars())
