"""The pages of the documentation, their headings, links and blocks of code."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

from tests.processes import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$", re.M | re.S)
# After an empty line, four spaces or more: code as well, also in a list.
INDENTED = re.compile(r"(?<=\n\n)((?: {4,}\S[^\n]*\n(?:\n(?= {4,}\S))?)+)")
PROGRAMS = ("make", "holdgate", "docker", "kubectl", "curl", "git", "pip", "psql", "pg_dump", "pg_restore")
CODE = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"\[(?:[^\]\\]|\\.|\[[^\]]*\]\([^)]*\))*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)


@dataclass(frozen=True)
class Block:
    """A block of code, fenced or indented. `page` is relative to the root, `line` where its text begins."""

    page: str
    line: int
    language: str
    text: str

    @property
    def key(self) -> str:
        """What it is known by: its page and how it begins. Stays when something is added before it."""
        first = re.split(r"\s+#", self.text.splitlines()[0])[0]
        return f"{self.page}: {first.strip()[:60].rstrip()}"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def blocks() -> tuple[Block, ...]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            line = text[: match.start(4)].count("\n") + 1
            found.append(Block(name(page), line, match[3], match[4]))
        for match in INDENTED.finditer(FENCE.sub(lambda block: re.sub(r"[^\n]+", ".", block[0]), text)):
            code = dedent(match[1])
            language = "sh" if code.split(maxsplit=1)[0] in PROGRAMS else "indented"
            found.append(Block(name(page), text[: match.start()].count("\n") + 1, language, code))
    return tuple(found)


@cache
def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return INDENTED.sub("", FENCE.sub("", page.read_text()))


def links(page: Path) -> list[str]:
    """Targets of links and pictures."""
    text = CODE.sub("`code`", prose(page))
    return [*LINK.findall(text), *IMAGE.findall(text)]


def inline_code(page: Path) -> list[str]:
    return [match[2].strip() for match in CODE.finditer(prose(page))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Those that are the same on the forge and on the site: what a link may rely on."""
    headings = [re.sub(r"[`*]|\]\([^)]*\)", "", heading) for heading in HEADING.findall(prose(page))]
    return frozenset(_of_forge(heading) for heading in headings) & frozenset(_of_site(heading) for heading in headings)


def _of_forge(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _of_site(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
