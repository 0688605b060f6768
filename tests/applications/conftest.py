"""Ada with a complete profile and her browser, and the careers site that her applications go to."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.testing import KindTester
from tests.careers.careers_site import Site
from tests.factories.applications import site_with
from tests.factories.people import PEOPLE, Browser, authenticate
from tests.kinds.applying import Applicant


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made


@pytest.fixture(scope="session")
def careers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("careers")) as site:
        yield site


@pytest.fixture
async def ada(database: Database, tester: KindTester, careers: Site) -> Applicant:
    return await Applicant.create(database, tester, careers)


@pytest.fixture
def her(ada: Applicant) -> Principal:
    PEOPLE["ada@example.org"] = Principal(ada.id, "ada@example.org", "Ada Lovelace", "member")
    return PEOPLE["ada@example.org"]


@pytest.fixture
async def site(database: Database, settings: Settings) -> AsyncIterator[httpx.ASGITransport]:
    async with site_with(settings, database, None, authenticate) as shield:
        yield httpx.ASGITransport(shield)


@pytest.fixture
async def browser(site: httpx.ASGITransport, her: Principal) -> AsyncIterator[Browser]:
    async with Browser(site, her) as made:
        yield made
