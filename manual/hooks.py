"""The hook of mkdocs.yml: the root's Markdown files are pages of the site, so that links hold there as on the forge."""

import re
from pathlib import Path
from textwrap import dedent, indent

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "ROADMAP.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in PAGES:
        text = re.sub(r"\]\(docs/", "](", (ROOT / name).read_text()).replace("](README.md", "](index.md")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return inside(with_code_in_lists(markdown), "../" * (page.file.src_uri.count("/") + 1))


def inside(markdown: str, up: str) -> str:
    """Links out of docs/, where `up` leads. The root's pages lie beside the others; of other files the words stay."""
    pages = "|".join(map(re.escape, PAGES))
    markdown = re.sub(rf"\]\({re.escape(up)}({pages})", rf"]({up[3:]}\1", markdown)
    return re.sub(rf"(?<!!)\[([^\]]+)\]\({re.escape(up)}[^)]*\)", r"\1", markdown)


def with_code_in_lists(markdown: str) -> str:
    """The forge reads a fence within an item of a list, Python-Markdown only code that is indented by eight spaces."""
    fence = re.compile(r"^( {2,4})```\w*\n(.*?)^\1```$", re.M | re.S)
    return fence.sub(lambda match: indent(dedent(match[2]), " " * 8).rstrip("\n"), markdown)
