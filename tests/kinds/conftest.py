from collections.abc import AsyncIterator, Iterator

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.testing import KindTester
from tests.careers.careers_site import Site
from tests.kinds.applying import Applicant


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Every test keeps to a job of its own."""
    with Site(tmp_path_factory.mktemp("careers")) as site:
        yield site


@pytest.fixture
async def ada(database: Database, tester: KindTester, site: Site) -> Applicant:
    """Ada, with a complete profile."""
    return await Applicant.create(database, tester, site)
