"""The documentation builds as a site without a warning, and the site loads nothing from other hosts."""

import re
import subprocess
import sys
from pathlib import Path

import markdown
import pytest

from manual.hooks import inside, with_code_in_lists
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
    for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG", "ROADMAP"):
        assert (site / f"{name}.html").exists()


def test_no_page_shows_markdown_that_was_not_understood(site: Path) -> None:
    for page in site.rglob("*.html"):
        shown = re.sub(r"<(pre|code|script)\b.*?</\1>", "", page.read_text(), flags=re.S)
        text = re.sub(r"<[^>]+>", "", shown)
        assert not re.search(r"```|\*\*|\]\(|^\|.*\|$", text, re.M), page


def test_links_out_of_the_docs_lead_to_the_sites_pages_or_are_plain_words() -> None:
    assert inside("[why](../ROADMAP.md#x)", "../") == "[why](ROADMAP.md#x)"
    assert inside("[why](../../ROADMAP.md)", "../../") == "[why](../ROADMAP.md)"
    assert inside("[the rules](../deploy/prometheus/rules.yml), [api](api.md)", "../") == "the rules, [api](api.md)"
    assert inside("[other](../api.md)", "../../") == "[other](../api.md)"


def test_code_within_a_list_is_code_on_the_site_too() -> None:
    text = "1. First:\n\n   ```sh\n   make run\n   make test\n   ```\n\n2. Then.\n"
    html = markdown.markdown(with_code_in_lists(text), extensions=["fenced_code"])
    assert "<pre><code>make run\nmake test\n</code></pre>" in html and html.count("<li>") == 2


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loaded = {
        next(filter(None, match))
        for path in site.rglob("*")
        if path.suffix in (".html", ".css", ".svg")
        for match in LOADED.findall(path.read_text())
    }
    assert any(each.endswith(".js") for each in loaded) and any(each.endswith(".css") for each in loaded)
    assert [each for each in loaded if re.match(r"(?:[a-z]+:)?//", each)] == []
