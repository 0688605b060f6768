"""Secrets in payloads are hidden where the payload is shown, and nothing else is."""

from typing import Any

import pytest

from holdgate.core.text.masking import masked, masked_text


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "X-Api-Key",
        "apiKey",
        "x_auth_token",
        "client_secret",
        "PASSWORD",
    ],
)
def test_values_of_secret_names_are_hidden(name: str) -> None:
    assert masked({"headers": {name: "s3cr3t"}}) == {"headers": {name: "[hidden]"}}
    assert masked([{name: {"user": "ann", "value": "s3cr3t"}}]) == [{name: "[hidden]"}]


@pytest.mark.parametrize(
    "value",
    [
        {"Accept": "text/html"},
        {"token": ""},
        {"token": None},
        {"tokens": 17},
        {"use_cookies": True},
        "a key=1",
        [1, 2.5],
    ],
)
def test_what_is_no_secret_stays(value: Any) -> None:
    assert masked(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/a?token=abc&b=1", "https://h/a?token=[hidden]&b=1"),
        ("https://h/a?b=1&X-Amz-Signature=abc#x", "https://h/a?b=1&X-Amz-Signature=[hidden]#x"),
        ("https://h/?key=abc", "https://h/?key=[hidden]"),
        ("https://h/?monkey=abc", "https://h/?monkey=abc"),
        ("https://h/?a=b?token=abc", "https://h/?a=b?token=[hidden]"),
        ("https://h/?x?token=abc&b=1", "https://h/?x?token=[hidden]&b=1"),
        ("https://ann:pass@h/", "https://[hidden]h/"),
        ("S3://ann:pa:ss@h/", "S3://[hidden]h/"),
        ("jwt_eyJhbGciOiJI.eyJzdWIi.c2ln and more", "jwt_[hidden] and more"),
        ("/review/abcdefghijklmnopqrstuvwxyz", "/review/[hidden]"),
        ("Bearer abcdefghijk", "Bearer [hidden]"),
        ("hg_abcdefghijklmnopqrstuvwxyz", "[hidden]"),
    ],
)
def test_secrets_inside_of_text_are_hidden(text: str, shown: str) -> None:
    assert masked_text(text) == shown
