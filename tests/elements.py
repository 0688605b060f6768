"""What a page shows, found by tags, roles, field names and data attributes, so that its sentences can be improved."""

from html.parser import HTMLParser

import httpx

EMPTY = frozenset(("br", "circle", "hr", "img", "input", "line", "link", "meta", "path", "polyline", "rect", "source"))


class Element:
    """One of a page, and what it says on one line."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.pieces: list[str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __repr__(self) -> str:
        return f"<{self.tag} {self.attributes}> {self.text}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.found.append(made)
        if tag not in EMPTY:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while any(each.tag == tag for each in self.open) and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.pieces.append(data)


def elements(page: httpx.Response | str, tag: str = "", **attributes: str | bool) -> list[Element]:
    """Those with the tag and these attributes, in their order: `data_notice="paused"` is `data-notice="paused"`.

    True stands for any value, False for an element without the attribute.
    """
    reader = _Reader()
    reader.feed(page if isinstance(page, str) else page.text)
    wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [
        each
        for each in reader.found
        if tag in ("", each.tag)
        and all(
            (name in each.attributes) is value if isinstance(value, bool) else each.attributes.get(name) == value
            for name, value in wanted.items()
        )
    ]


def texts(page: httpx.Response | str, tag: str = "", **attributes: str | bool) -> list[str]:
    """What each of these elements says."""
    return [each.text for each in elements(page, tag, **attributes)]


def notices(page: httpx.Response | str) -> dict[str, str]:
    """Its notices that have a name, and what each says."""
    return {each["data-notice"]: each.text for each in elements(page, data_notice=True)}


def alerts(page: httpx.Response | str) -> str:
    """What it announces as an error."""
    return " ".join(texts(page, role="alert"))


def invalid(page: httpx.Response | str) -> dict[str, str]:
    """The fields that it refuses, and what describes each."""
    says = {each["id"]: each.text for each in elements(page, id=True)}
    return {
        each["name"]: " ".join(says[id] for id in each["aria-describedby"].split())
        for each in elements(page, aria_invalid="true")
    }
