"""Watching a board: what of its answer is wanted, what of it is new, and what has gone."""

import re
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.postings.boards import queries
from holdgate.postings.boards.fetching import host_of_board, target_of
from holdgate.postings.boards.queries import LastAnswer
from holdgate.postings.formats import Parsed, PostingRow
from holdgate.postings.formats.description import as_text
from holdgate.postings.imports import service as imports
from holdgate.postings.imports.confirm_queries import AddedPosting

REMOTE = re.compile(r"\b(remote|anywhere|home ?office|télétravail|teletrabajo|distributed)\b", re.IGNORECASE)
NAMED = 50  # new postings that a result lists


class BoardWatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A board, and which of its postings are wanted: all of them, unless something below is given."""

    address: Annotated[
        str, msgspec.Meta(min_length=4, max_length=2000, description="Of a job board, as you see it in a browser.")
    ]
    words: Annotated[
        str,
        msgspec.Meta(
            max_length=500, description="In the title or the text; commas between alternatives: sql, data analyst."
        ),
    ] = ""
    place: Annotated[str, msgspec.Meta(max_length=200, description="A part of the location; commas as above.")] = ""
    remote: Annotated[bool, msgspec.Meta(description="Only remote ones; with a place: those, too.")] = False

    @property
    def digest(self) -> str:
        """Other filters ask for the whole answer again."""
        return sha256(msgspec.json.encode(self)).hexdigest()


class WatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of one look. `unwanted` are on the board and left out by the filters; `unreadable` could not be
    read; while there are any, or the board tells only a part of its postings, none counts as gone."""

    unchanged: bool = False
    new: int = 0
    refreshed: int = 0
    known: int = 0
    unwanted: int = 0
    unreadable: int = 0
    closed: int = 0
    postings: list[AddedPosting] = []


async def reserve(session: WriteSession, watch: BoardWatch) -> int:
    """In so many seconds the board's host may be asked. Raises RefusedRequest: it is no address to be asked."""
    return await queries.reserve_turn(session, host_of_board(watch.address))


async def last_look(session: Session, owner_id: UUID, watch: BoardWatch) -> LastAnswer:
    """By what the board tells whether it has changed since this watch last looked."""
    return await queries.last_answer(session, owner_id, watch.digest)


def wanted_rows(rows: list[PostingRow], watch: BoardWatch) -> list[PostingRow]:
    """Those that the filters let through. Reads the texts of all: call it in a thread."""
    return [row for row in rows if wanted(row, watch)]


def wanted(row: PostingRow, watch: BoardWatch) -> bool:
    """Whether the filters let a posting through."""
    if watch.words.strip():
        text = f"{row.title} {as_text(row.description)}".casefold()
        if not any(_has(text, each) for each in watch.words.casefold().split(",")):
            return False
    remote = bool(REMOTE.search(row.location))
    if not watch.place.strip():
        return remote or not watch.remote
    there = any(each.strip() and each.strip() in row.location.casefold() for each in watch.place.casefold().split(","))
    return there or (watch.remote and remote)


def _has(text: str, alternative: str) -> bool:
    """Whether all words of an alternative begin a word of the text."""
    words = alternative.split()
    return bool(words) and all(re.search(rf"(?<!\w){re.escape(word)}", text) for word in words)


async def keep(
    session: WriteSession, by: Principal, watch: BoardWatch, parsed: Parsed, rows: list[PostingRow], answer: LastAnswer
) -> WatchResult:
    """Import the wanted `rows` of a board's answer, close what has gone from it, and note by what it is known."""
    board = target_of(watch.address)
    done = imports.Imported(0, 0)
    if rows:
        import_id = await imports.keep(session, by, watch.address[:120], Parsed(parsed.format, rows, []), board=board)
        done = await imports.confirm(session, by, import_id, leave_out_errors=True)
    whole = not parsed.errors and not parsed.partial
    present = [row.canonical_url for row in parsed.rows]
    closed = await queries.close_others(session, by.id, board, present) if whole else 0
    await queries.keep_answer(session, by.id, watch.digest, answer)
    return WatchResult(
        new=done.new,
        refreshed=done.refreshed,
        known=done.known,
        unwanted=len(parsed.rows) - len(rows),
        unreadable=len({error.row for error in parsed.errors}),
        closed=closed,
        postings=done.added[:NAMED],
    )


async def close_gone(session: WriteSession, owner_id: UUID, watch: BoardWatch) -> WatchResult | None:
    """The address answers that there is nothing. A single posting is closed; of a board (None) that is a mistake, and
    none of its postings is touched."""
    board = target_of(watch.address)
    if await queries.count_open(session, owner_id, board) != 1:
        return None
    return WatchResult(closed=await queries.close_others(session, owner_id, board, []))
