"""Fetching a board's public answer, or a posting's page, through the guard of outgoing requests (core/network)."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.network import outgoing
from holdgate.postings.boards import queries
from holdgate.postings.boards.addresses import answer_of
from holdgate.postings.errors import HostBusy
from holdgate.postings.formats import MAX_BYTES, FileReading, Parsed, read
from holdgate.postings.formats.rows import with_scheme

TIMEOUT = timedelta(seconds=20)
HOPS = 5
ACCEPT = {"Accept": "application/json, application/ld+json, application/xml;q=0.9, text/html;q=0.8"}
GONE = (404, 410)


class NoPostings(Invalid):
    """The site answered, with no postings. `status` is that of its answer."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(
            f"{host} answered {status} and no postings. Open the address in a browser: "
            "where it shows the posting, save the page and import the file."
        )
        self.status = status


class BoardAnswer(NamedTuple):
    """What was read of an answer, and the answer itself, with the address that it is of."""

    parsed: Parsed
    data: bytes
    address: str


class Fetched(NamedTuple):
    """`answer` is None when nothing has changed since the one that `etag` and `modified` are of."""

    answer: BoardAnswer | None
    etag: str
    modified: str


def target_of(url: str) -> str:
    """What is fetched for an address as people type it; by this a board is known."""
    return answer_of(with_scheme(url.strip()))


def host_of_board(url: str) -> str:
    """The host, with its port if it names one, that is asked for an address. Raises BadUrl"""
    return _host(target_of(url))


def _host(target: str) -> str:
    return outgoing.checked_url(target).netloc.decode("ascii")


async def fetch(settings: Settings, database: Database, url: str) -> BoardAnswer:
    """The postings that an address leads to, for a person who waits for them.

    Raises:
        Invalid: no address, or one that may not be asked; the site does not answer, answers with an error (NoPostings),
            or has no posting to be read there (UnreadableFile).
        HostBusy: it has been asked within the last minute.
    """
    try:
        answer = (await fetch_changed(settings, database, url)).answer
    except outgoing.OutgoingError as error:
        raise Invalid(f"{error} Nothing has been imported.") from error
    assert answer is not None, "nothing was said of an answer before"
    return answer


async def fetch_changed(
    settings: Settings, database: Database, url: str, *, etag: str = "", modified: str = "", reserved: bool = False
) -> Fetched:
    """As `fetch`, unless nothing has changed since the answer with this `etag` and date.

    Args:
        reserved: the turn at the first host has been waited for already.

    Raises:
        As `fetch`, and OutgoingError where the site cannot be asked.
    """
    target = target_of(url)
    known = {"If-None-Match": etag, "If-Modified-Since": modified}
    headers = ACCEPT | {name: value for name, value in known.items() if value}
    asked = {host_of_board(url)} if reserved else set()
    async with outgoing.client(settings, timeout=TIMEOUT, max_bytes=MAX_BYTES) as http:
        for _ in range(HOPS + 1):
            host = _host(target)
            if host not in asked:
                await _take_turn(database, host)
                asked.add(host)
            response = await http.get(target, headers=headers)
            if response.status_code not in outgoing.REDIRECTS:
                break
            target = str(outgoing.redirect_target(response))
    if response.status_code == 304 and len(headers) > len(ACCEPT):
        return Fetched(None, etag, modified)
    if response.status_code != 200:
        raise NoPostings(response.url.host, response.status_code)
    address = str(response.url)
    parsed = await asyncio.to_thread(read, response.content, FileReading(address=address))
    answer = BoardAnswer(parsed, response.content, address)
    return Fetched(answer, response.headers.get("ETag", "")[:500], response.headers.get("Last-Modified", "")[:100])


async def _take_turn(database: Database, host: str) -> None:
    async with database.write("system") as session:
        wait = await queries.take_turn(session, host)
    if wait:
        raise HostBusy(host, wait)
