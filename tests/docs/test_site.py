"""The documentation builds as a site without a warning, and the site loads nothing from other hosts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

LOADED = re.compile(
    r"<(?:script|img|iframe|source|audio|video|embed)\b[^>]*?\bsrc=[\"']?([^\"' >]+)"
    r"|<link\b(?![^>]*rel=\"?canonical)[^>]*?\bhref=[\"']?([^\"' >]+)"
    r"|url\([\"']?([^\"')]+)|@import [\"']([^\"']+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs` builds, elsewhere."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return place


def test_every_page_is_in_the_site(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).exists(), page
    for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG", "DECISIONS"):
        assert (site / f"{name}.html").exists()


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loaded = {
        next(filter(None, match))
        for path in site.rglob("*")
        if path.suffix in (".html", ".css", ".svg")
        for match in LOADED.findall(path.read_text())
    }
    assert any(each.endswith(".js") for each in loaded) and any(each.endswith(".css") for each in loaded)
    assert [each for each in loaded if re.match(r"(?:[a-z]+:)?//", each)] == []
