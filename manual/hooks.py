"""The hook of mkdocs.yml: the root's Markdown files are pages of the site, so that links hold there as on the forge."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "DECISIONS.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in PAGES:
        text = re.sub(r"\]\(docs/", "](", (ROOT / name).read_text()).replace("](README.md", "](index.md")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """`../CHANGELOG.md` lies beside the pages here."""
    return re.sub(rf"\]\(\.\./((?:\.\./)*)({'|'.join(map(re.escape, PAGES))})", r"](\1\2", markdown)
