"""What a request shows, as a list of blocks: their types, their bounds, and what each says as plain text.

They are stored, hashed and shown in their order. Texts are the asker's: nothing here is trusted to be HTML.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.text import web_address
from holdgate.core.text.visible import is_blank
from holdgate.tasks.payloads.artifact import PICTURES, StoredArtifact

MOST_BLOCKS = 50
MOST_TEXT = 100_000  # characters of one text
MOST_MARKDOWN = 20_000  # reading it takes longer than its length says
MOST_LABEL = 200
MOST_PAIRS = 100  # of one block of fields
MOST_COLUMNS, MOST_ROWS = 20, 500

Scalar: TypeAlias = str | int | float | bool | None

_PLACE = re.compile(r" - at `\$(.*?)`$")


class _Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    """`name_of_one` is what it is called where it has no label."""

    name_of_one: ClassVar[str] = ""

    @property
    def type(self) -> str:
        """The name by which it is stored and told to programs."""
        return str(self.__struct_config__.tag)

    @property
    def heading(self) -> str:
        """Its label, or what it is."""
        return getattr(self, "label", "") or self.name_of_one

    def problems(self) -> Iterable[tuple[str, str]]:
        """What is wrong with it: a part of it and a sentence."""
        return ()

    def texts(self) -> list[tuple[str, str]]:
        """Everything it says, as texts under their names."""
        raise NotImplementedError


class TextBlock(_Block, frozen=True, tag="text"):
    """A text as it is: nothing in it is markup. A long one is folded."""

    name_of_one = "Text"

    text: str
    label: str = ""

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from _long("text", self.text)

    def texts(self) -> list[tuple[str, str]]:
        return [(self.heading, self.text)]


class MarkdownBlock(TextBlock, frozen=True, tag="markdown"):
    """CommonMark without HTML and pictures. Links are shown with their host."""

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from _long("text", self.text, MOST_MARKDOWN)


class FieldsBlock(_Block, frozen=True, tag="fields"):
    """Values under their names, in their order: given as a mapping, kept as pairs."""

    fields: Mapping[str, Scalar] | Sequence[tuple[str, Scalar]]
    label: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.fields, Mapping):
            msgspec.structs.force_setattr(self, "fields", tuple(self.fields.items()))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Name and value, as texts."""
        given: Any = self.fields
        return [(label, scalar_text(value)) for label, value in given]

    def problems(self) -> Iterable[tuple[str, str]]:
        if not 1 <= len(self.fields) <= MOST_PAIRS:
            yield "fields", f"From 1 to {MOST_PAIRS} values."
        for label, text in self.pairs:
            if is_blank(label):
                yield "fields", "A value needs a name that can be seen."
            yield from _long("fields", label, MOST_LABEL)
            yield from _long("fields", text)

    def texts(self) -> list[tuple[str, str]]:
        return self.pairs


class TableBlock(_Block, frozen=True, tag="table"):
    """Rows of values below the names of their columns."""

    name_of_one = "Table"

    columns: Sequence[str]
    rows: Sequence[Sequence[Scalar]]
    label: str = ""

    @property
    def lines(self) -> list[list[str]]:
        """The rows, as texts."""
        return [[scalar_text(value) for value in row] for row in self.rows]

    @property
    def numeric(self) -> list[bool]:
        """Of each column whether everything in it is a number."""
        return [
            all(isinstance(row[at], int | float) and not isinstance(row[at], bool) for row in self.rows)
            for at in range(len(self.columns))
        ]

    def problems(self) -> Iterable[tuple[str, str]]:
        if not 1 <= len(self.columns) <= MOST_COLUMNS:
            yield "columns", f"From 1 to {MOST_COLUMNS} columns."
        if len(self.rows) > MOST_ROWS:
            yield "rows", f"At most {MOST_ROWS} rows. Put more in a file and show that."
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                yield f"rows[{number}]", f"It has {len(row)} values for {len(self.columns)} columns."
        for name in self.columns:
            yield from _long("columns", name, MOST_LABEL)

    def texts(self) -> list[tuple[str, str]]:
        return [(self.heading, "\n".join("\t".join(line) for line in [list(self.columns), *self.lines]))]


class DiffBlock(_Block, frozen=True, tag="diff"):
    """A text before and after a change."""

    name_of_one = "Changes"

    before: str
    after: str
    label: str = ""

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from _long("before", self.before)
        yield from _long("after", self.after)

    def texts(self) -> list[tuple[str, str]]:
        return [(f"{self.heading}, before", self.before), (f"{self.heading}, after", self.after)]


class JsonBlock(_Block, frozen=True, tag="json"):
    """Plain data, shown as indented JSON."""

    name_of_one = "Data"

    value: Any
    label: str = ""

    @property
    def text(self) -> str:
        """The value as JSON, indented."""
        return msgspec.json.format(msgspec.json.encode(self.value), indent=2).decode()

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from _long("value", self.text)

    def texts(self) -> list[tuple[str, str]]:
        return [(self.heading, self.text)]


class FileBlock(_Block, frozen=True, tag="file"):
    """A file that the task keeps (`ctx.artifact`). Its SHA-256 is part of what is decided."""

    name_of_one = "File"

    file: StoredArtifact
    label: str = ""

    def texts(self) -> list[tuple[str, str]]:
        file = self.file
        return [(self.heading, f"{file.name} ({file.size:,} bytes, SHA-256 {file.sha256})")]


class ImageBlock(FileBlock, frozen=True, tag="image"):
    """A picture that the task keeps. `alt` says what it shows to whoever cannot see it."""

    name_of_one = "Picture"

    alt: str = ""

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.file.content_type not in PICTURES:
            yield "file", f"A picture is one of {', '.join(sorted(PICTURES))}. Show {self.file.content_type} as a file."
        if is_blank(self.alt):
            yield "alt", "Describe the picture for people who can’t see it."
        yield from _long("alt", self.alt, 1000)


class LinkBlock(_Block, frozen=True, tag="link"):
    """An address of the web, shown with its host."""

    name_of_one = "Link"

    url: str
    label: str = ""

    @property
    def host(self) -> str:
        """Where it leads, for people to look at."""
        return urlsplit(self.url).hostname or ""

    def problems(self) -> Iterable[tuple[str, str]]:
        if not web_address.is_web_address(self.url):
            yield "url", f"A link is an http or https address of at most {web_address.MOST:,} characters."

    def texts(self) -> list[tuple[str, str]]:
        return [(self.heading, self.url)]


_OfText: TypeAlias = TextBlock | MarkdownBlock | FieldsBlock | TableBlock | DiffBlock | JsonBlock
AnyBlock: TypeAlias = _OfText | ImageBlock | FileBlock | LinkBlock


class BadBlock(Invalid):
    """A block that can't be shown. `fields` maps its place (`show[2].rows[0]`) to a sentence."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place}: {sentence}", {place: sentence})


def read(given: Sequence[Any], *, name: str = "show") -> list[AnyBlock]:
    """Blocks out of plain data, such as JSON.

    Args:
        name: what the list is called, for the place of a problem.

    Raises:
        BadBlock
    """
    if not 1 <= len(given) <= MOST_BLOCKS:
        raise BadBlock(name, f"Show from 1 to {MOST_BLOCKS} blocks.")
    try:
        blocks = msgspec.convert(given, list[AnyBlock])
    except msgspec.ValidationError as problem:
        place, sentence = _PLACE.search(str(problem)), _PLACE.sub("", str(problem))
        raise BadBlock(name + (place[1] if place else ""), f"{sentence}.") from None
    for number, block in enumerate(blocks):
        for part, sentence in (*_long("label", getattr(block, "label", ""), MOST_LABEL), *block.problems()):
            raise BadBlock(f"{name}[{number}].{part}", sentence)
    return blocks


def is_block(value: Any) -> bool:
    return isinstance(value, _Block)


def stored(shown: Any) -> list[AnyBlock]:
    """The blocks of a request; none where labelled values are shown."""
    return msgspec.convert(shown, list[AnyBlock]) if isinstance(shown, list) else []


def files_of(shown: Any) -> list[StoredArtifact]:
    """Those that what is shown names; nothing else of the task is for the people asked to open."""
    return [block.file for block in stored(shown) if isinstance(block, FileBlock)]


def scalar_text(value: Scalar) -> str:
    """A value in the words of every page, email and receipt."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _long(part: str, text: str, most: int = MOST_TEXT) -> Iterable[tuple[str, str]]:
    if len(text) > most:
        yield part, f"At most {most:,} characters. Put more in a file and show that."
