"""Receipts: the same bytes every time, to be checked by anybody, and telling of every change."""

import base64
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import segno
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.errors import NoReceipt
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.receipts import FORMAT
from holdgate.approvals.forms import FormField
from holdgate.approvals.requests import deciding
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.cli import main
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from tests.elements import elements, notices
from tests.factories.approvals import (
    OWNER,
    approval_of,
    decided,
    principal,
    put_question,
    receipt_of,
    reject,
)
from tests.factories.people import words
from tests.factories.site import browser_of, site_of, stranger

KEYS = ("a-key-for-tests-only-0123456789abcdef",)


async def test_a_receipt_tells_what_was_shown_and_who_decided_and_anybody_can_check_it(
    database: Database, settings: Settings
) -> None:
    asked = await decided(database, settings)
    receipt = await receipt_of(database, settings, asked)
    approval = await approval_of(database, asked)
    content = json.loads(receipt.text)["receipt"]
    assert content["issuer"] == settings.base_url
    assert json.loads(content["shown"])[:2] == ["May it go on?", {"Name": "x"}]
    assert sha256(content["shown"].encode()).hexdigest() == content["version"] == asked.version
    decision = content["decision"]
    assert (decision["outcome"], decision["by"], decision["from"]) == ("approved", OWNER, "link, 192.0.2.1")
    assert json.loads(decision["answer"]) == {"wish": "granted"}
    assert approval.decided_at is not None
    assert content["issued_at"] == decision["at"] == approval.decided_at.isoformat(timespec="microseconds")
    assert content["task"]["id"] == str(asked.task_id)
    assert receipts.check(receipt.text, signing.public_keys(settings.secret_keys)).problem == ""
    # Without any of our code: a public key, the bytes, the signature.
    [key] = signing.public_keys(settings.secret_keys)
    found = json.loads(receipt.text)
    signed = json.dumps(found["receipt"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    raw = base64.urlsafe_b64decode(key["x"] + "=")
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.urlsafe_b64decode(found["signature"]["value"] + "=="), signed)


async def test_two_downloads_are_identical_also_when_the_task_has_gone_on_meanwhile(
    database: Database, settings: Settings
) -> None:
    asked = await decided(database, settings)
    before = await receipt_of(database, settings, asked)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now(), reason = 'later'"))
        await session.execute(text("UPDATE approval_recipients SET state = 'undelivered', problem = 'bounced'"))
    assert (await receipt_of(database, settings, asked)).text == before.text


async def test_after_a_change_of_keys_old_receipts_are_good_for_as_long_as_the_old_key_is_listed(
    database: Database, settings: Settings
) -> None:
    asked = await decided(database, settings)
    old = await receipt_of(database, settings, asked)
    rotated = msgspec.structs.replace(settings, secret_keys=("b" * 40, *settings.secret_keys))
    new = await receipt_of(database, rotated, asked)
    assert new.signature["kid"] != old.signature["kid"]
    for receipt in (old, new):
        assert receipts.check(receipt.text, signing.public_keys(rotated.secret_keys)).problem == ""
    gone = receipts.check(old.text, signing.public_keys(("b" * 40,)))
    assert "not known here" in gone.problem


async def test_there_is_no_receipt_before_the_decision_nor_while_it_can_be_taken_back(
    database: Database, settings: Settings
) -> None:
    waiting = await put_question(database, settings)
    fresh = await decided(database, settings, take_back=timedelta(minutes=5))
    for asked in (waiting, fresh):
        with pytest.raises(NoReceipt):
            await receipt_of(database, settings, asked)
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE approvals SET decided_at = decided_at - interval '5 min' WHERE id = :id"),
            {"id": fresh.approval_id},
        )
    assert (await receipt_of(database, settings, fresh)).content["decision"]["outcome"] == "approved"
    rejected = await decided(database, settings, reject)
    with pytest.raises(NoReceipt):
        await receipt_of(database, msgspec.structs.replace(settings, approval_undo=timedelta(minutes=5)), rejected)
    assert (await receipt_of(database, settings, rejected)).content["decision"]["outcome"] == "rejected"


async def test_a_rejection_and_fractions_in_what_was_shown_have_good_receipts(
    database: Database, settings: Settings
) -> None:
    asked = await decided(database, settings, reject)
    refused = await receipt_of(database, settings, asked)
    assert refused.content["decision"]["reason"] == "not like this"
    fields = (FormField("price", "Price", "number", value=0.1),)
    priced = await put_question(database, settings, fields=fields)
    async with database.write(f"recipient:{OWNER}") as session:
        choice = Decision(version=priced.version, verb=ApprovalVerb.APPROVE, form={"price": "19.99"})
        await deciding.decide_by_link(session, priced.hashes()[0], choice, source="")
    receipt = await receipt_of(database, settings, priced)
    assert json.loads(receipt.content["decision"]["answer"]) == {"price": 19.99}
    for one in (refused, receipt):
        assert receipts.check(one.text, signing.public_keys(settings.secret_keys)).problem == ""


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def made(more: Any) -> bytes:
    shown = json.dumps(["Title", more, []])
    content = {"format": FORMAT, "shown": shown, "version": sha256(shown.encode()).hexdigest(), "more": more}
    return signing.canonical({"receipt": content, "signature": signing.sign(KEYS, content)})


@trying(deadline=None)
@given(more=PLAIN, place=st.integers(0), bits=st.integers(1, 255))
def test_a_receipt_with_any_one_byte_changed_is_not_genuine(more: Any, place: int, bits: int) -> None:
    whole = made(more)
    assert receipts.check(whole, signing.public_keys(KEYS)).problem == ""
    place %= len(whole)
    changed = whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :]
    assert receipts.check(changed, signing.public_keys(KEYS)).problem != "" or json.loads(changed) == json.loads(whole)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, part in inner for path in paths(part, (*here, key)))]


@trying(deadline=None)
@given(data=st.data(), more=PLAIN, other=PLAIN)
def test_a_receipt_with_any_field_replaced_or_removed_is_not_genuine(
    data: st.DataObject, more: Any, other: Any
) -> None:
    found = json.loads(made(more))
    *way, last = data.draw(st.sampled_from([path for path in paths(found) if path]))
    part = found
    for key in way:
        part = part[key]
    if data.draw(st.booleans()):
        del part[last]
    elif signing.canonical(part[last]) == signing.canonical(other):
        return
    else:
        part[last] = other
    assert receipts.check(signing.canonical(found), signing.public_keys(KEYS)).problem != ""


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"receipt": 1e400}', b"1" * 10_000])
def test_what_is_no_receipt_is_refused_with_a_sentence(text: bytes) -> None:
    assert "Not a receipt" in receipts.check(text, signing.public_keys(KEYS)).problem


def test_a_receipt_that_names_a_field_twice_is_refused() -> None:
    whole = made("x")
    twice = whole.replace(b'"more":"x"', b'"more":"y","more":"x"')
    assert receipts.check(twice, signing.public_keys(KEYS)).problem != ""


async def test_the_command_tells_genuine_files_from_changed_ones(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await receipt_of(database, settings, await decided(database, settings))
    good, bad, keys = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "keys.json"
    good.write_bytes(receipt.text + b"\n")
    bad.write_bytes(receipt.text.replace(b"owner@", b"other@"))
    keys.write_bytes(msgspec.json.encode({"keys": signing.public_keys(settings.secret_keys)}))
    for name, value in (("SECRET_KEY", settings.secret_keys[0]), ("DATA_DIR", str(tmp_path))):
        monkeypatch.setenv(name, value)
    fine = CliRunner().invoke(main, ["verify", str(good)])
    assert (fine.exit_code, "genuine. approved by owner@example.org" in fine.output) == (0, True), fine.output
    both = CliRunner().invoke(main, ["verify", str(good), str(bad)])
    assert (both.exit_code, "bad.json: NOT GENUINE. Invalid signature" in both.output) == (1, True)
    monkeypatch.setenv("SECRET_KEY", "another-key-that-signed-nothing-here")
    other = CliRunner().invoke(main, ["verify", str(good)])
    assert (other.exit_code, "good.json: unknown key." in other.output, "GENUINE" in other.output) == (1, True, False)
    assert CliRunner().invoke(main, ["verify", str(good), "--keys", str(keys)]).exit_code == 0


async def test_the_receipt_is_there_for_those_concerned_and_for_nobody_else(
    database: Database, settings: Settings, redis: Redis
) -> None:
    open_one = await put_question(database, settings)
    asked = await decided(database, settings, recipients=(OWNER, "bob@example.org"))
    bob, eve = await principal(database, "bob@example.org"), await principal(database, "eve@example.org")
    expected = (await receipt_of(database, settings, asked)).text
    path, link = f"/approvals/{asked.approval_id}", f"/review/{asked.tokens[0]}"
    async with site_of(settings, database, redis) as transport, stranger(transport) as phone:
        async with browser_of(transport, bob) as browser:
            assert f'href="{path}/receipt"' in (await browser.get(path)).text
            page = await browser.get(f"{path}/receipt")
            assert (page.status_code, asked.version in words(page)) == (200, True)
            file = await browser.get(f"{path}/receipt.json")
            assert (file.content, file.headers["content-type"]) == (expected, "application/json")
            assert "attachment" in file.headers["content-disposition"]
        async with browser_of(transport, eve) as browser:
            for suffix in ("receipt", "receipt.json"):
                assert (await browser.get(f"{path}/{suffix}")).status_code == 404
        assert f'href="{link}/receipt"' in (await phone.get(link)).text
        private = await phone.get(f"{link}/receipt")
        assert (private.status_code, "<script" in private.text) == (200, False)
        assert private.headers["referrer-policy"] == "no-referrer"
        assert (await phone.get(f"{link}/receipt.json")).content == expected
        assert (await phone.get("/review/unknown/receipt.json")).status_code == 404
        keys = (await phone.get("/.well-known/holdgate-keys.json")).json()["keys"]
        assert receipts.check(expected, keys).problem == ""
        assert (await phone.get(f"/review/{open_one.tokens[0]}/receipt")).status_code == 404


async def test_the_code_on_a_printed_receipt_leads_to_whether_it_is_genuine(
    database: Database, settings: Settings, redis: Redis
) -> None:
    asked = await decided(database, settings)
    owner = await principal(database)
    async with site_of(settings, database, redis) as site, browser_of(site, owner) as browser, stranger(site) as nobody:
        page = await browser.get(f"/approvals/{asked.approval_id}/receipt")
        [link] = [each for each in elements(page, "a", href=True) if "/verify/" in each["href"]]
        # What the camera sees: the code is drawn of the very address.
        assert (
            segno.make(link["href"], error="m").svg_inline(omitsize=True, svgclass="code", lineclass=None) in page.text
        )
        genuine = await nobody.get(link["href"].removeprefix(settings.base_url))
        assert (genuine.status_code, list(notices(genuine))) == (200, ["genuine"])
        assert asked.version in genuine.text and OWNER not in genuine.text
        changed = link["href"].removeprefix(settings.base_url)
        changed = changed[:-3] + ("AAA" if not changed.endswith("AAA") else "BBB")
        for other in (
            changed,
            f"/verify/{uuid7()}/{link['href'].rpartition('/')[2]}",
            f"/verify/{asked.approval_id}/x",
        ):
            assert list(notices(await nobody.get(other))) == ["not-genuine"]
