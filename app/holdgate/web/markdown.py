"""Markdown of whoever asks, as HTML that a page may show: CommonMark without HTML and pictures.

Links lead to the web only and say where: a text of one host that leads to another is how people are deceived.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from holdgate.core.text.web_address import is_web_address

HEADING = 3  # the first level of a text's headings: the page and its sections have those above
_CLEANER = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "ul", "ol", "li", "blockquote", "strong", "em", "code", "pre"),
        *("h3", "h4", "h5", "h6", "a", "span"),
    },
    attributes={"a": {"href"}, "span": {"class"}, "ol": {"start"}},
    url_schemes={"http", "https"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


@lru_cache(64)  # the worst of texts takes half a second, and a page may be opened again and again
def markdown(text: str, links: bool = True) -> Markup:
    """Args:
    links: False for an asker who is not trusted: addresses are shown, not followed.
    """
    html = _reader(links).render(text)
    return Markup(_CLEANER.clean(html))  # noqa: S704 - cleaned


@cache
def _reader(links: bool) -> MarkdownIt:
    made = _Reader("commonmark", {"html": False}, renderer_cls=_Renderer)
    made.disable(["image", "html_block", "html_inline"])
    made.options["links"] = links
    return made


class _Reader(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return is_web_address(url)


class _Renderer(RendererHTML):
    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f"<h{_level(tokens[at])}>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f"</h{_level(tokens[at])}>\n"

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        href = str(tokens[at].attrs["href"])
        env.setdefault("hrefs", []).append(href)
        return f'<a href="{escape(href)}">' if options["links"] else "<span>"

    def link_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        href = env["hrefs"].pop()
        if options["links"]:
            return f'</a> <span class="muted">({escape(urlsplit(href).hostname or "")})</span>'
        return f'</span> <span class="muted">({escape(href)})</span>'


def _level(token: Token) -> int:
    return min(int(token.tag[1]) + HEADING - 1, 6)
