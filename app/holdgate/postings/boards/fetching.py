"""Fetching a board's public answer, or a posting's page, through the guard of outgoing requests (core/network)."""

import asyncio
from datetime import timedelta

from holdgate.core.config import Settings
from holdgate.core.errors import Invalid
from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import OutgoingError
from holdgate.postings.boards.addresses import answer_of
from holdgate.postings.formats import MAX_BYTES, Parsed, parse
from holdgate.postings.formats.rows import with_scheme

TIMEOUT = timedelta(seconds=20)
HOPS = 5
ACCEPT = {"Accept": "application/json, application/ld+json, application/xml;q=0.9, text/html;q=0.8"}


async def fetch(settings: Settings, url: str) -> Parsed:
    """The postings that an address leads to.

    Raises:
        Invalid: no address, or one that may not be asked; the site does not answer, answers with an error, or has
            no posting to be read there (UnreadableFile).
    """
    target = answer_of(with_scheme(url.strip()))
    try:
        async with outgoing.client(settings, timeout=TIMEOUT, max_bytes=MAX_BYTES) as http:
            response = await http.get(target, headers=ACCEPT)
            for _ in range(HOPS):
                if response.status_code not in outgoing.REDIRECTS:
                    break
                response = await http.follow(response)
    except OutgoingError as error:
        raise Invalid(f"{error} Nothing has been imported.") from error
    if response.status_code != 200:
        raise Invalid(
            f"{response.url.host} answered {response.status_code} and no postings. Open the address in a browser: "
            "where it shows the posting, save the page and import the file."
        )
    return await asyncio.to_thread(parse, response.content, None, None, None, str(response.url))
