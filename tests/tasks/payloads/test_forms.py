"""A kind's schema as a form: every built-in kind's payload goes there and back; what does not fit is told beside it."""

from importlib import import_module
from typing import Annotated, Any

import msgspec
import pytest

from holdgate.core.errors import Invalid
from holdgate.core.text.masking import masked
from holdgate.kinds import BUILT_IN
from holdgate.tasks.kinds import all_kinds, find_kind
from holdgate.tasks.payloads.forms import fields_of, read_fields, values_of
from holdgate.tasks.payloads.secrets import changes_between, with_secrets

for _module in BUILT_IN:
    import_module(_module)

PAYLOADS: dict[str, dict[str, Any]] = {
    "application.follow_up": {"application_id": "01a206d3-04e3-76db-ae1b-c916a2e7038f"},
    "board.watch": {"address": "https://boards.example/acme", "words": "sql", "place": "Berlin", "remote": True},
    "application.submit": {"posting_id": "01a206d3-04e3-76db-ae1b-c916a2e7038f"},
    "email.message": {
        "to": "ann@example.org",
        "subject": "Order {{ order }}",
        "text": "Dear {{ name }},\n\n  it is on its way.",
        "values": {"order": "A7", "name": "Ann"},
    },
    "http.request": {
        "url": "https://example.org/x",
        "method": "POST",
        "headers": {"X-A": "b"},
        "json": [1, {"a": None}],
        "timeout": 2.5,
        "succeed": ["2xx", "404"],
    },
    "image.process": {
        "url": "https://example.org/x.png",
        "crop": {"left": 0, "top": 1, "width": 10, "height": 20},
        "resize": {"width": 100, "fit": "cover", "enlarge": True},
        "format": "webp",
        "keep_metadata": True,
    },
    "report.generate": {"since": "2026-11-01", "until": "2026-11-23", "formats": ["csv"]},
    "sample.task": {"steps": 2, "hold": "approval", "recipients": ["a@example.org", "b@example.org"]},
}


def as_sent(values: dict[str, Any]) -> dict[str, list[str]]:
    """What a browser sends of these controls."""
    sent: dict[str, list[str]] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            if value:
                sent[name] = ["true"]
        else:
            sent[name] = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return sent


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_a_payload_goes_through_its_form_unchanged(name: str) -> None:
    kind = find_kind(name)
    fields = fields_of(kind.schema())
    assert fields
    read = read_fields(fields, as_sent(values_of(fields, PAYLOADS[name])))
    assert read.errors == {}
    # A form says the defaults, too.
    assert msgspec.to_builtins(kind.parse(read.payload)) == msgspec.to_builtins(kind.parse(PAYLOADS[name]))


def test_every_kind_that_can_be_asked_for_is_tried_here() -> None:
    # Other test modules of this process register kinds of their own.
    ours = [kind for kind in all_kinds() if kind.handler.__module__.startswith("holdgate.")]
    assert {kind.name for kind in ours if not kind.internal} == set(PAYLOADS)


@pytest.mark.parametrize(
    ("name", "sent", "field", "sentence"),
    [
        ("sample.task", {"p.steps": "two"}, "p.steps", "number"),
        ("sample.task", {"p.steps": "1.5"}, "p.steps", "whole"),
        ("sample.task", {"p.steps": "1001"}, "p.steps", "at most 1000"),
        ("sample.task", {"p.seconds": "nan"}, "p.seconds", "number"),
        ("sample.task", {"p.hold": "for ever"}, "p.hold", "option from the list"),
        ("sample.task", {"p.recipients": "a@example.org\nnobody"}, "p.recipients", "“nobody”"),
        ("http.request", {}, "p.url", "required"),
        ("http.request", {"p.url": "http://x", "p.headers": "{"}, "p.headers", "not JSON"),
        ("image.process", {"p.crop.left": "1"}, "p.crop.top", "required"),
        ("application.submit", {"p.posting_id": "7"}, "p.posting_id", "valid id"),
        ("report.generate", {"p.since": "yesterday"}, "p.since", "date"),
        ("report.generate", {"p.formats": "doc"}, "p.formats", "option from the list"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(name: str, sent: dict[str, str], field: str, sentence: str) -> None:
    fields = fields_of(find_kind(name).schema())
    read = read_fields(fields, {key: [value] for key, value in sent.items()})
    assert sentence in read.errors[field]
    for key, value in sent.items():
        assert read.values[key] in (value, [value])


OLD = {
    "url": "https://example.org/?token=abcdefgh&x=1",
    "headers": {"Authorization": "Bearer abcdefghij", "X-A": "b"},
    "keys": [{"password": "one"}, {"password": "two"}],
    "n": 1,
}


def test_secrets_that_were_left_hidden_stay_what_they_are() -> None:
    shown = masked(OLD)
    assert "abcdefgh" not in str(shown)
    assert with_secrets(shown, OLD) == OLD
    changed = {**shown, "n": 2, "headers": {**shown["headers"], "X-A": "c"}}
    assert with_secrets(changed, OLD) == {**OLD, "n": 2, "headers": {**OLD["headers"], "X-A": "c"}}  # type: ignore[dict-item]


def test_a_mask_is_never_stored_as_a_value() -> None:
    for sent in ({"note": "[hidden]"}, {"url": "https://other.example/?token=[hidden]"}, {"n": ["[hidden]"]}):
        with pytest.raises(Invalid, match="Leave"):
            with_secrets(sent, OLD)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/?token=[hidden]&x=1",
        "https://example.org:444/?token=[hidden]&x=1",
        "http://example.org/?token=[hidden]&x=1",
        "https://example.org.evil.example/",
        "https://example.org\\@evil.example/",
        "https://example.org@evil.example/",
        "/evil.example/",
        "",
    ],
)
def test_a_hidden_value_is_not_kept_for_another_server(address: str) -> None:
    sent = {**masked(OLD), "url": address}
    with pytest.raises(Invalid):
        with_secrets(sent, OLD)
    whole = {**OLD, "url": address.replace("[hidden]", "x")}
    assert with_secrets(whole, OLD) == whole


def test_a_hidden_value_is_kept_for_another_path_of_the_same_server() -> None:
    old = {"url": "https://example.org/a", "api_key": "k", "callback": "https://back.example/", "port": 443}
    sent = {**masked(old), "url": "https://EXAMPLE.org/b?c=d"}
    assert with_secrets(sent, old) == {**old, "url": "https://EXAMPLE.org/b?c=d"}
    for name, value in (("callback", "https://evil.example/"), ("port", 444), ("proxy", "evil.example")):
        with pytest.raises(Invalid, match="another server"):
            with_secrets({**sent, name: value}, old)
    swapped = {**sent, "url": old["callback"], "callback": old["url"]}
    with pytest.raises(Invalid, match="another server"):
        with_secrets(swapped, old)


def test_the_changes_name_each_value_and_no_secret() -> None:
    new = {**OLD, "n": 2, "headers": {"Authorization": "Bearer otherother", "X-C": "new"}}
    found = changes_between(OLD, new)
    assert {change["path"] for change in found} == {"n", "headers.Authorization", "headers.X-A", "headers.X-C"}
    assert {"path": "n", "before": 1, "after": 2} in found
    assert {"path": "headers.X-A", "before": "b"} in found
    assert {"path": "headers.X-C", "after": "new"} in found
    assert "otherother" not in str(found)
    assert "abcdefgh" not in str(found)
    assert changes_between(OLD, OLD) == []


@pytest.mark.parametrize(
    ("key", "label"), [("max_bytes", "Max bytes"), ("url", "URL"), ("apply_url", "Apply URL"), ("userId", "UserId")]
)
def test_the_label_of_a_field_is_its_name_in_words(key: str, label: str) -> None:
    [field] = fields_of({"type": "object", "properties": {key: {"type": "string"}}})
    assert field.label == label


def test_what_was_left_untouched_stays_exactly_what_it_was() -> None:
    class Kept(msgspec.Struct):
        title: Annotated[str, msgspec.Meta(max_length=100)] = ""
        body: str = ""
        tags: list[str] = []
        free: Any = 1

    schema = msgspec.json.schema(Kept)
    fields = fields_of(schema)
    old = {"title": " spaced ", "body": "one\r\ntwo ", "tags": [" a", "b "], "free": None}
    sent = as_sent(values_of(fields, old))
    assert read_fields(fields, sent, old).payload == old
    assert read_fields(fields, sent | {"p.title": ["  new "]}, old).payload == {**old, "title": "new"}
    assert read_fields(fields, sent | {"p.body": ["onetwo "]}, old).payload["body"] == "onetwo "
