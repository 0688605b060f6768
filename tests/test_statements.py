"""No page and no fragment sends more statements than a handful, however much there is."""

from collections.abc import AsyncIterator

import pytest

from holdgate.core.db import Database
from tests.factories.installation import Full, full_installation
from tests.factories.people import HTMX, Browser, words
from tests.factories.site import site_of, stranger
from tests.pages import OPEN, PAGES, REFUSED_PAGES
from tests.servers import Servers
from tests.statements import MOST, statements

# Finding who is signed in is one statement, which the site of these tests does not send.
SIGNED_IN = 1
# A run's page draws its tasks in time, names whom it waits for, and says how its applications are sent.
RUN = 3
# The examination asks by a statement for each of its checks.
CHECKS = 3
# A request in a review session is shown with where it stands there: the session, its requests and its person are found,
# beside what the page of every link asks for.
SESSION = 4


@pytest.fixture(scope="module")
async def full(
    servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Full]:
    async with full_installation(servers, shared_database, tmp_path_factory.mktemp("statements")) as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_and_its_fragment_keep_to_their_statements(full: Full, path: str) -> None:
    address = path.format(**full.names)
    most = MOST + (CHECKS if path.startswith("/admin/health") else RUN if path == "/runs/{run}" else 0)
    async with site_of(full.settings, full.database, full.redis) as site, Browser(site, full.root) as browser:
        with statements(full.database) as sent:
            page = await browser.get(address)
        assert page.status_code == 200 or path in REFUSED_PAGES, words(page)
        assert "<h1" in page.text
        assert len(sent) + SIGNED_IN <= most, "\n\n".join(sent)
        with statements(full.database) as sent:
            fragment = await browser.get(address, headers=HTMX)
        assert len(sent) + SIGNED_IN <= most, "\n\n".join(sent)
        if fragment.status_code == 200 and "<!doctype" not in fragment.text.lower():
            assert fragment.headers["vary"] == "HX-Request"
            assert fragment.text.strip().split("\n")[0] in page.text, "page and fragment are the same bytes"


@pytest.mark.parametrize("path", OPEN)
async def test_a_page_for_everybody_keeps_to_its_statements(full: Full, path: str) -> None:
    async with site_of(full.settings, full.database, full.redis) as site, stranger(site) as browser:
        with statements(full.database) as sent:
            page = await browser.get(path.format(**full.names))
        # /login/sent is for the browser that has asked for a link.
        assert page.status_code == (303 if path == "/login/sent" else 200) or path in REFUSED_PAGES, words(page)
        most = MOST + (SESSION if path in ("/review/session/{session}", "/review/{next}") else 0)
        assert len(sent) <= most, "\n\n".join(sent)
