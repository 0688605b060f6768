"""The canonical spelling of a posting's address."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdgate.postings.canonical_url import MAX_LENGTH, canonical_url

SAME = [
    ("HTTPS://Jobs.Example.COM/Role", "https://jobs.example.com/Role"),
    ("http://jobs.example.com/role", "https://jobs.example.com/role"),
    ("  https://jobs.example.com/role\n", "https://jobs.example.com/role"),
    ("http://jobs.example.com:80/role", "https://jobs.example.com/role"),
    ("http://jobs.example.com:443/role", "https://jobs.example.com/role"),
    ("https://jobs.example.com:/role", "https://jobs.example.com/role"),
    ("https://jobs.example.com./role", "https://jobs.example.com/role"),
    ("https://www.example.com/role", "https://example.com/role"),
    ("https://www.www.example.com/role", "https://example.com/role"),
    ("https://jobs.example.com/role#apply", "https://jobs.example.com/role"),
    ("https://jobs.example.com/role/", "https://jobs.example.com/role"),
    ("https://jobs.example.com/role?", "https://jobs.example.com/role"),
    ("https://jobs.example.com", "https://jobs.example.com/"),
    ("https://jobs.example.com/a/./b/../role", "https://jobs.example.com/a/role"),
    ("https://jobs.example.com/../../role", "https://jobs.example.com/role"),
    ("https://jobs.example.com/%7erole", "https://jobs.example.com/~role"),
    ("https://jobs.example.com/a%2fb", "https://jobs.example.com/a%2Fb"),
    ("https://jobs.example.com/a b", "https://jobs.example.com/a%20b"),
    ("https://jobs.example.com/50%", "https://jobs.example.com/50%25"),
    ("https://jobs.example.com/bücher", "https://jobs.example.com/b%C3%BCcher"),
    ("https://jobs.example.com/?utm_source=x&utm_MEDIUM=y&gh_jid=7", "https://jobs.example.com/?gh_jid=7"),
    ("https://jobs.example.com/?gh_src=a&lever-source%5B%5D=b&lever-origin=c&ref=d&source=e&fbclid=f&gclid=g",
     "https://jobs.example.com/"),
    ("https://jobs.example.com/?b=2&&a=1&", "https://jobs.example.com/?a=1&b=2"),
    ("https://jobs.example.com/?a=2&a=1", "https://jobs.example.com/?a=2&a=1"),
    ("https://bücher.example/stelle", "https://xn--bcher-kva.example/stelle"),
    ("https://BÜCHER。example/stelle", "https://xn--bcher-kva.example/stelle"),
    ("http://127.0.0.1:8090/jobs/x", "https://127.0.0.1:8090/jobs/x"),
    ("http://[0:0:0:0:0:0:0:1]:8090/x", "https://[::1]:8090/x"),
]  # fmt: skip

REFUSED = [
    ("", "empty"),
    (" \n", "empty"),
    ("jobs.example.com/role", "http:// or https://"),
    ("/role", "http:// or https://"),
    ("ftp://jobs.example.com/role", "http:// or https://"),
    ("javascript:alert(1)", "http:// or https://"),
    ("data:text/html,x", "http:// or https://"),
    ("https:///role", "no host name"),
    ("https:role", "no host name"),
    ("https://:8090/role", "no host name"),
    ("https://user@jobs.example.com/", "user name or password"),
    ("https://user:secret@jobs.example.com/", "user name or password"),
    ("https://good.example\\@bad.example/", "backslash"),
    ("https://jobs.example.com/a\tb", "control character"),
    ("https://jobs.exam\nple.com/", "control character"),
    ("https://jobs.example.com/\x00", "control character"),
    ("https://jobs.example.com/\u202egpj", "control character"),
    ("https://jobs.example.com/\ud800", "control character"),
    ("https://jobs.example.com:99999/", "port"),
    ("https://jobs.example.com:http/", "port"),
    ("https://jobs..example.com/", "host name"),
    ("https://jobs example.com/", "host name"),
    ("https://-jobs.example.com/", "host name"),
    ("https://%6aobs.example.com/", "host name"),
    ("https://example.com\uff0fpath.example/", "host name"),
    ("https://[::1/", "host name"),
    ("https://[fe80::1%25eth0]/", "host name"),
    ("https://[v1.x]/", "host name"),
    (f"https://{'a' * 64}.example/", "host name"),
    (f"https://{'a.' * 130}example/", "host name"),
    ("https://" + "ü" * 70 + ".example/", "host name"),
    ("https://jobs.example.com/" + "a" * MAX_LENGTH, "longer than 2,000"),
    ("https://jobs.example.com/" + "ü" * 400, "once it is encoded"),
]


@pytest.mark.parametrize(("url", "canonical"), SAME)
def test_spellings_of_one_address_become_one(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_an_address_that_is_none_is_refused_with_a_sentence(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        canonical_url(url)
    assert type(refusal.value) is ValueError
    assert str(refusal.value).startswith("The ")
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/jobs?gh_jid=1", "https://example.com/jobs?gh_jid=2"),
        ("https://example.com/Jobs", "https://example.com/jobs"),
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com:8443/a", "https://example.com/a"),
        ("https://jobs.example.com/a", "https://example.com/a"),
        ("https://example.com/?a=1&a=2", "https://example.com/?a=2&a=1"),
    ],
)
def test_addresses_that_may_be_two_postings_stay_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


ADDRESS = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.one_of(
        st.sampled_from(["www.example.com", "Example.COM.", "bücher.example", "127.0.0.1", "[::1]", "www.com"]),
        st.text("abwAÜß.。-_1", min_size=1, max_size=12),
    ),
    st.sampled_from(["", ":80", ":443", ":8090", ":"]),
    st.text("/.ab%2f7eü ~;=+'\"<>|", max_size=20).map(lambda path: f"/{path}" if path else ""),
    st.text("abutm_source=ref&%5B+ü?/", max_size=20).map(lambda query: f"?{query}" if query else ""),
    st.sampled_from(["", "#", "#top"]),
)


@settings(deadline=None)
@given(st.one_of(ADDRESS, st.text(), st.text().map("https://example.com/".__add__)))
@example("https://example.com/%%34%31")
@example("https://example.com/a/..//b")
@example("http://www.www.com:443/%2e%2e/.")
def test_the_canonical_spelling_of_a_canonical_address_is_itself(url: str) -> None:
    try:
        once = canonical_url(url)
    except ValueError as refusal:
        assert type(refusal) is ValueError
        return
    assert canonical_url(once) == once
    assert once.isascii()
    assert len(once) <= MAX_LENGTH
    assert once.startswith("https://")


@settings(deadline=None)
@given(ADDRESS, st.sampled_from(["utm_campaign=x", "gh_src=1", "fbclid=abc", "ref=mail", "lever-source=LinkedIn"]))
def test_a_tracking_parameter_never_makes_another_posting(url: str, tracking: str) -> None:
    bare = url.partition("#")[0].rstrip()
    try:
        plain = canonical_url(bare)
    except ValueError:
        return
    assert canonical_url(f"{bare}{'&' if '?' in bare else '?'}{tracking}") == plain


ONE = "https://indeed.com/viewjob?jk=0123456789abcdef"
LEVER = "https://jobs.lever.co/thread/0d9f6a3e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://www.indeed.com/viewjob?jk=0123456789abcdef&from=serp", ONE),
        ("https://uk.indeed.com/m/viewjob?jk=0123456789abcdef", ONE),
        ("https://www.indeed.com/jobs?q=thatcher&vjk=0123456789abcdef", ONE),
        ("https://boards.greenhouse.io/reed/jobs/7?gh_src=x", "https://job-boards.greenhouse.io/reed/jobs/7"),
        ("https://boards.eu.greenhouse.io/reed/jobs/7", "https://job-boards.eu.greenhouse.io/reed/jobs/7"),
        (f"{LEVER}/apply?lever-source=x", LEVER),
        ("https://jobs.ashbyhq.com/reed/a1/application", "https://jobs.ashbyhq.com/reed/a1"),
        # Not these boards' postings, so everything stays.
        ("https://notlinkedin.com/jobs/view/4000000001/x", "https://notlinkedin.com/jobs/view/4000000001/x"),
        (
            "https://linkedin.com.evil.example/jobs/view/4000000001",
            "https://linkedin.com.evil.example/jobs/view/4000000001",
        ),
        # Where a visitor came from, and a vacancy's number.
        ("https://reed.example/?ref=newsletter", "https://reed.example/"),
        ("https://reed.example/?ref=TH101", "https://reed.example/?ref=TH101"),
        ("https://reed.example/jobs/9#apply", "https://reed.example/jobs/9"),
        ("https://reed.example/#!/job/9", "https://reed.example/#!/job/9"),
    ],
)
def test_the_addresses_of_one_posting_are_one_and_those_of_two_are_two(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical
