"""Data directories whose servers are ended with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdgate.embedded import postgres, valkey


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Does not exist yet, and lies below a directory that only we can enter."""
    (tmp_path / "closed").mkdir(mode=0o700)
    yield from _ended(tmp_path / "closed" / "data")


@pytest.fixture
def other_dir(tmp_path: Path) -> Iterator[Path]:
    yield from _ended(tmp_path / "other")


@pytest.fixture(
    params=[
        pytest.param(Path("d" * 200, "e" * 200, "f" * 100), id="a very long path"),
        pytest.param(Path("""it's a "$HOME" é\\ `id` dir"""), id="a path a shell would misread"),
    ]
)
def awkward_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    yield from _ended(tmp_path / request.param)


def _ended(data_dir: Path) -> Iterator[Path]:
    yield data_dir
    postgres.stop(data_dir)
    valkey.stop(data_dir)
