"""Every link, picture, path and address that the documentation names is there, on the forge as on the site."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from litestar import Router

from holdgate.asgi import API_HANDLERS, HANDLERS
from holdgate.web import assets
from tests.docs.pages import PAGES, anchors, inline_code, links, name
from tests.processes import ROOT

FOLDERS = ("app", "tests", "deploy", "docs", "templates", "static", "migrations", "bench", "manual")
IN_REPOSITORY = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+")
ADDRESS = re.compile(r"(?:(?:GET|POST|HEAD) )?(/[\w./{}-]*)(?:\?\S*)?(?:#\S*)?")
# Beginnings of addresses, and places of a file system.
BEGINNINGS = {"/", "/api", "/api/", "/api/v1", "/static/"}
PLACES = ("/tmp", "/data", "/etc/", "/opt/", "/var/", "/proc/", "/dev/")


def leads_nowhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme != "https"  # other hosts by that only
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not (target.is_relative_to(ROOT) and target.exists()):
        return True
    return bool(parts.fragment) and (target.suffix != ".md" or parts.fragment not in anchors(target))


def test_every_link_of_a_page_leads_somewhere() -> None:
    assert [f"{name(page)}: {link}" for page in PAGES for link in links(page) if leads_nowhere(page, link)] == []


def test_links_and_pictures_are_found() -> None:
    readme = links(ROOT / "README.md")
    assert sum(link.endswith(".md") for link in readme) >= 5 and any(link.endswith(".png") for link in readme)
    assert "guarantees.md" in links(ROOT / "docs/explanation/comparison.md")
    assert "an-example" in anchors(ROOT / "docs/kinds.md")


def test_every_decision_is_in_the_index_by_its_number_and_name() -> None:
    index = (ROOT / "docs/decisions/index.md").read_text()
    for page in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        number, _, title = page.read_text().partition("\n")[0].removeprefix("# ").partition(". ")
        assert f"| [{number}]({page.name}) | {title} |" in index


TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_a_page_names_is_there() -> None:
    named = [found for page in PAGES for found in TEST.findall(page.read_text())]
    assert len(named) > 20
    assert [f"{path}::{test}" for path, test in named if f"def {test}(" not in (ROOT / path).read_text()] == []


def test_every_page_is_two_clicks_from_the_readme() -> None:
    """Also on a forge, which shows no navigation."""

    def behind(pages: set[Path]) -> set[Path]:
        found = ((page.parent / link.partition("#")[0]).resolve() for page in pages for link in links(page))
        return pages | {page for page in found if page.suffix == ".md" and page.exists()}

    near = behind(behind({ROOT / "README.md"}))
    far = [name(page) for page in PAGES if page not in near and page.parent.name != "decisions"]
    assert far == []


# These tell of what was, and of what is to come.
NOW = [page for page in PAGES if page.name not in ("CHANGELOG.md", "ROADMAP.md") and page.parent.name != "decisions"]


def test_every_file_a_page_names_is_in_the_repository() -> None:
    assert [
        f"{name(page)}: {code}"
        for page in NOW
        for code in inline_code(page)
        if IN_REPOSITORY.fullmatch(code) and not (ROOT / code).exists()
    ] == []


def _routes() -> list[re.Pattern[str]]:
    paths = [path for handler in [*HANDLERS, *assets.handlers] for path in getattr(handler, "paths", ())]
    paths += [handler.path for handler in HANDLERS if isinstance(handler, Router)]
    paths += [f"/api/v1{path}" for handler in API_HANDLERS for path in handler.paths]
    return [re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path))) for path in paths]


def test_every_address_a_page_names_is_one_of_ours() -> None:
    routes = _routes()
    assert [f"{name(page)}: {code}" for page in NOW for code in inline_code(page) if is_nobodys(code, routes)] == []


def is_nobodys(code: str, routes: list[re.Pattern[str]]) -> bool:
    match = ADDRESS.fullmatch(code)
    if match is None or match[1] in BEGINNINGS or match[1].startswith(PLACES):
        return False
    path = match[1]
    # The page about the API leaves its prefix out.
    known = [path, f"/api/v1{path}", path.rstrip("/") + "/x"]
    return not any(route.fullmatch(each) for route in routes for each in known)
