"""Blocks: what they may be, what they say, and that the version is of exactly that."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdgate import DiffBlock, FieldsBlock, FileBlock, ImageBlock, MarkdownBlock, StoredArtifact, TableBlock, TextBlock
from holdgate.approvals import blocks
from holdgate.approvals.blocks import BadBlock
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Question
from holdgate.core.ids import uuid7
from holdgate.web.markdown import markdown

FILE = {"id": str(uuid7()), "name": "a.svg", "content_type": "image/svg+xml", "size": 1, "sha256": "0" * 64}


def question(shown: Any, title: str = "Go on?") -> Question:
    return Question(hold=HoldType.APPROVAL, step="go", title=title, shown=shown)


@pytest.mark.parametrize(
    ("given", "place", "said"),
    [
        ([], "show", "from 1 to 50"),
        ([{"type": "text", "text": "x"}] * 51, "show", "from 1 to 50"),
        ([{"type": "video"}], "show[0].type", "Invalid value"),
        ([{"type": "text", "text": 1}], "show[0].text", "Expected `str`"),
        ([{"type": "text", "text": "x", "html": "<b>"}], "show[0]", "unknown field"),
        ([{"type": "text", "text": "x" * 100_001}], "show[0].text", "100,000 characters"),
        ([{"type": "markdown", "text": "x" * 20_001}], "show[0].text", "20,000 characters"),
        ([{"type": "fields", "fields": {}}], "show[0].fields", "From 1 to 100"),
        ([{"type": "fields", "fields": {"\u200b": 1}}], "show[0].fields", "name that can be seen"),
        ([{"type": "table", "columns": ["a"], "rows": [[1], [1, 2]]}], "show[0].rows[1]", "2 values for 1 columns"),
        ([{"type": "table", "columns": ["a"], "rows": [[1]] * 501}], "show[0].rows", "At most 500 rows"),
        ([{"type": "image", "file": FILE, "alt": "x"}], "show[0].file", "Show image/svg+xml as a file"),
        ([{"type": "image", "file": FILE | {"content_type": "image/png"}}], "show[0].alt", "Describe the picture"),
        ([{"type": "link", "url": "javascript:alert(1)"}], "show[0].url", "http or https"),
        ([{"type": "link", "url": "https://bank.example@evil.example/"}], "show[0].url", "http or https"),
        ([{"type": "link", "url": "https://evil.example\\@bank.example/"}], "show[0].url", "http or https"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_its_place(given: list[Any], place: str, said: str) -> None:
    with pytest.raises(BadBlock) as refused:
        blocks.read(given)
    assert list(refused.value.fields) == [place]
    assert said in str(refused.value)


@pytest.mark.parametrize("shown", [[TextBlock("\ud800")], [FieldsBlock({"a": float("nan")})], [TextBlock("a"), "b"]])
def test_what_can_not_be_stored_is_impossible_to_ask(shown: list[Any]) -> None:
    with pytest.raises(QuestionImpossible):
        question(shown)


def test_plain_data_is_no_block_whatever_it_looks_like() -> None:
    data = [{"type": "text", "text": "x"}]
    assert question(data).shown == {"Value": data}
    assert question(TextBlock("x")).shown == data


def test_fields_stay_in_their_order() -> None:
    one, other = question([FieldsBlock({"b": 1, "a": 2})]), question([FieldsBlock({"a": 2, "b": 1})])
    assert one.shown == [{"type": "fields", "fields": [["b", 1], ["a", 2]]}]
    assert one.version != other.version


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
scalars = st.one_of(texts, st.integers(-1000, 1000), st.booleans(), st.none())
files = st.builds(
    StoredArtifact,
    id=st.uuids(),
    name=texts,
    content_type=st.just("image/png"),
    size=st.integers(0, 9),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)
one_block = st.one_of(
    st.builds(TextBlock, texts, label=texts),
    st.builds(MarkdownBlock, texts, label=texts),
    st.builds(FieldsBlock, st.dictionaries(texts.map("a".__add__), scalars, min_size=1, max_size=3), label=texts),
    st.builds(DiffBlock, texts, texts, label=texts),
    st.builds(FileBlock, files, label=texts),
    st.builds(ImageBlock, files, alt=texts.map("a".__add__)),
    st.integers(1, 3).flatmap(
        lambda width: st.builds(
            TableBlock,
            st.lists(texts, min_size=width, max_size=width),
            st.lists(st.lists(scalars, min_size=width, max_size=width), max_size=3),
        )
    ),
)
some_blocks = st.lists(one_block, min_size=1, max_size=4)


@given(some_blocks, some_blocks)
def test_the_version_changes_if_and_only_if_what_is_shown_changes(one: list[Any], other: list[Any]) -> None:
    same = msgspec.json.encode(one) == msgspec.json.encode(other)
    assert (question(one).version == question(other).version) == same
    assert question(one).version == question(deepcopy(one)).version
    assert question(one).version != question([*one, TextBlock("one more")]).version
    assert question(one).version != question(one, title="Stop?").version
    assert (question(one).version == question(one[::-1]).version) == (one == one[::-1])


def test_markdown_is_no_html_and_leads_to_the_web_only_and_says_where() -> None:
    made = markdown(
        "# A <script>alert(1)</script>\n\n[bank](https://evil.example/x) [no](javascript:alert(1)) "
        "![pixel](https://evil.example/p.png) [no](https://bank.example@evil.example)\n\n<img src=x onerror=alert(1)>"
    )
    assert "<script" not in made
    assert "<img" not in made
    assert made.count("href=") == 2
    assert 'href="https://evil.example/x"' in made
    assert made.count("(evil.example)</span>") == 2
    assert made.startswith("<h3>A &lt;script&gt;")
    assert "<a " not in markdown("[bank](https://evil.example/x)", False)
    assert "https://evil.example/x" in markdown("[bank](https://evil.example/x)", False)
