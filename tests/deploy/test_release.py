"""What keeps a version from being released; `make release` builds and tries the rest."""

import pytest

from deploy.release import problems
from holdgate.core.process.release import VERSION
from tests.processes import ROOT

LABEL = 'LABEL org.opencontainers.image.version="{}"'


def test_this_checkout_can_be_released() -> None:
    assert problems(VERSION, (ROOT / "CHANGELOG.md").read_text(), (ROOT / "Dockerfile").read_text()) == []


def test_a_release_needs_its_own_dated_heading_in_the_changelog() -> None:
    [found] = problems("1.2.0", "## [Unreleased]\n\n## [1.1.0] - 2026-11-01\n", LABEL.format("1.2.0"))
    assert "## [1.2.0] - YYYY-MM-DD" in found
    assert problems("1.2.0", "## [1.2.0] - 2026-11-23\n", LABEL.format("1.2.0")) == []


def test_between_releases_the_heading_is_unreleased() -> None:
    assert problems("1.2.0.dev0", "## [Unreleased]\n", LABEL.format("1.2.0.dev0")) == []
    assert len(problems("1.2.0.dev0", "## [1.1.0] - 2026-11-01\n", LABEL.format("1.2.0.dev0"))) == 1


@pytest.mark.parametrize("version", ["1.2", "1.2.0-beta", "v1.2.0", "latest"])
def test_a_version_that_sorts_wrongly_is_refused(version: str) -> None:
    assert any(
        "neither like 1.2.3" in line
        for line in problems(version, f"## [{version}] - 2026-11-23", LABEL.format(version))
    )


def test_an_image_that_tells_another_version_is_refused() -> None:
    [found] = problems("1.2.0", "## [1.2.0] - 2026-11-23\n", LABEL.format("1.1.0"))
    assert "image.version" in found
