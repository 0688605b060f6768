from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.careers.careers_site import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests that keep to a job of their own."""
    with Site(tmp_path_factory.mktemp("careers")) as site:
        yield site


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A site for a test that changes what all jobs share."""
    with Site(tmp_path) as site:
        yield site
