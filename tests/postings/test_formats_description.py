"""Descriptions as harmless HTML."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdgate.postings.formats.description import MAX_DESCRIPTION, paragraphs, sanitised, unescaped


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        (" \n ", ""),
        ("One line.", "<p>One line.</p>"),
        ("One.\r\n\r\nTwo,\r\nstill two.\n \n\n", "<p>One.</p><p>Two,<br>still two.</p>"),
        ("a < b && List<String> > c", "<p>a &lt; b &amp;&amp; List&lt;String&gt; &gt; c</p>"),
    ],
)
def test_plain_text_is_escaped_and_parted_into_paragraphs(text: str, html: str) -> None:
    assert sanitised(text) == html


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<p>a<br>b</p><ul><li>c</li></ul><ol><li>d</li></ol>", "<p>a<br>b</p><ul><li>c</li></ul><ol><li>d</li></ol>"),
        ("<p><strong>a</strong><em>b</em><b>c</b><i>d</i></p>", "<p><strong>a</strong><em>b</em><b>c</b><i>d</i></p>"),
        ("<h3>a</h3><h4>b</h4>", "<h3>a</h3><h4>b</h4>"),
        ("<H1 class=x>a</H1><h6>b</h6>", "<h3>a</h3><h4>b</h4>"),
        ("<div>a</div><DIV><div>b</div></DIV>", "<p>a</p><p>b</p>"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "<p>a</p><p>b</p>"),
        ("<p>a</p><p>&nbsp;</p><p><br></p><h3> </h3>", "<p>a</p>"),
        ('<p onclick="x()" style="color:red" id=y>a</p>', "<p>a</p>"),
        ("<p>a</p><script>x()</script><style>p{}</style><!-- b -->", "<p>a</p>"),
        ("<p>a<img src=x onerror=x()><iframe src=y></iframe><form><input></form></p>", "<p>a</p>"),
        ("<script>x()</script>", ""),
        ("<p>unclosed <b>text", "<p>unclosed <b>text</b></p>"),
    ],
)
def test_html_keeps_only_a_few_elements_and_no_attributes(given: str, kept: str) -> None:
    assert sanitised(given) == kept


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://a.example/?b=1&c", ' href="https://a.example/?b=1&amp;c"'),
        ("http://a.example", ' href="http://a.example"'),
        ("mailto:a@b.example", ' href="mailto:a@b.example"'),
        ("javascript:alert(1)", ""),
        (" java&#10;script:alert(1)", ""),
        ("data:text/html,x", ""),
        ("/logout", ""),
        ("//a.example", ""),
        ("tasks/1", ""),
    ],
)
def test_a_link_goes_to_another_site_or_nowhere(href: str, kept: str) -> None:
    assert sanitised(f'<a href="{href}" target=_top>a</a>') == f'<a{kept} rel="nofollow noopener">a</a>'


def test_html_that_was_escaped_for_transport_is_unescaped_once_or_twice_but_not_more() -> None:
    assert unescaped("&lt;p&gt;a &amp;lt;br&amp;gt; b&lt;/p&gt;") == "<p>a &lt;br&gt; b</p>"
    assert unescaped("&amp;lt;p&amp;gt;a&amp;lt;/p&amp;gt;") == "<p>a</p>"
    assert unescaped("<p>&lt;b&gt;</p>") == "<p>&lt;b&gt;</p>"
    assert unescaped("a &amp; b") == "a & b"


@pytest.mark.parametrize("text", ["a" * (MAX_DESCRIPTION + 1), "&" * 50_000, "<p>" + "&" * 50_000])
def test_a_description_that_is_too_long_before_or_after_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 100,000"):
        sanitised(text)


@pytest.mark.parametrize("piece", ["<ul><li>", "<span>", "<a href=x>", "<b>", "<svg><p>"])
def test_nesting_that_would_take_seconds_to_clean_is_refused(piece: str) -> None:
    with pytest.raises(ValueError, match="deeper"):
        sanitised(piece * 10_000)
    with pytest.raises(ValueError, match="deeper"):
        sanitised((piece + "</x>") * 5_000)


def test_many_elements_side_by_side_are_fine() -> None:
    assert sanitised("<p>a" * 5_000).count("<p>") == 5_000
    assert sanitised("<ul><li>a</ul>" * 5_000).count("<li>") == 5_000


ALLOWED = re.compile(
    r"</?(?:p|ul|ol|li|strong|em|b|i|h3|h4)>|<br>|</a>"
    r'|<a(?: href="(?:https?:|mailto:)[^"<>]*")? rel="nofollow noopener">',
    re.IGNORECASE,
)
FRAGMENT = st.sampled_from(
    ["<p>", "</p>", "<div x='", "<a href=", '"javascript:x"', "<svg/onload=x>", "<style>", "<script>", "</script>",
     "<!--", "-->", "<math>", "<template>", "<b", ">", "<", "&lt;", "&#x3c;script&#62;", "'", '"', "<noscript>",
     "<title>", "<li>", "<table>", "<td>", "<textarea>", "<plaintext>", "\x00", "x", " ", "<h1", "<![CDATA[", "]]>",
     "<?x?>", "https://a.example"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.one_of(FRAGMENT, st.text(max_size=5)), max_size=30).map("".join))
def test_whatever_comes_in_only_allowed_elements_come_out(text: str) -> None:
    rest = ALLOWED.sub("", sanitised(text))
    assert "<" not in rest
    assert ">" not in rest


@settings(deadline=None)
@given(st.text())
def test_plain_text_never_becomes_an_element(text: str) -> None:
    assert "<" not in re.sub(r"</?p>|<br>", "", paragraphs(text))
