"""Where mail may go."""

import pytest

from holdgate.core.text.addresses import BadAddress, checked_address
from holdgate.mail.addresses import sender


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada.Lovelace+hold@Example.ORG ", "ada.lovelace+hold@example.org"),
        ("root@localhost", "root@localhost"),
        ("o'neil_{x}@sub-domain.example.co.uk", "o'neil_{x}@sub-domain.example.co.uk"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("a@1.2.example", "a@1.2.example"),
        # The spellings that one person was counted by as several, and their like.
        ("ada@exam\u00adple.org", "ada@example.org"),
        ("a\u200bda@exa\ufeffmple.org\u200b", "ada@example.org"),
        ("ＡＤＡ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ada@example.org"),
        ("ada@example。org", "ada@example.org"),
        ("\u212aim@example｡org", "kim@example.org"),
        ("Info@BÜCHER.example", "info@xn--bcher-kva.example"),
        ("info@XN--BCHER-KVA.example", "info@xn--bcher-kva.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),
    ],
)
def test_an_ordinary_address_is_taken_with_its_domain_as_servers_know_it(given: str, used: str) -> None:
    assert checked_address(given) == used
    assert checked_address(used) == used


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "ada@example..org",
        "ada@.example.org",
        "ada@-example.org",
        "ada@exa mple.org",
        "ada@[127.0.0.1]",
        "ada lovelace@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "ada@example.org,eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nBcc: eve@example.org",
        "ada\r\nRCPT TO:<eve@example.org>@example.org",
        "ada@example.org\0",
        "ada@example.org.",
        "a\u202eda@example.org",
        "ada@exam\u200dple.org",
        "ada@xn--a.example",
        "ada@under_score.example",
        "ａ\u0301da@example.org",
        "\ud800da@example.org",
        "a" * 100_000 + "@example.org",
        '"ada"@example.org',
        "ädä@example.org",
        "ada@example.org> SIZE=1",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 64 + ".org",
        "ada@" + ".".join(["a" * 60] * 5),
    ],
)
def test_an_address_that_could_mean_something_else_is_refused(given: str) -> None:
    with pytest.raises(BadAddress):
        checked_address(given)


@pytest.mark.parametrize(
    ("mail_from", "header"),
    [
        ("Holdgate <holdgate@localhost>", "Holdgate <holdgate@localhost>"),
        ("robot@example.org", "robot@example.org"),
        ('"Jobs, Inc." <jobs@example.org>', '"Jobs, Inc." <jobs@example.org>'),
        ("Zürich <z@example.org>", "Zürich <z@example.org>"),
        ("Two\n Lines <a@example.org>", "Two Lines <a@example.org>"),
    ],
)
def test_the_senders_name_and_address_are_read(mail_from: str, header: str) -> None:
    assert str(sender(mail_from)) == header


@pytest.mark.parametrize("mail_from", ["", "Holdgate", "Holdgate <nobody>", "<a b@example.org>"])
def test_an_unusable_sender_is_refused(mail_from: str) -> None:
    with pytest.raises(BadAddress):
        sender(mail_from)
