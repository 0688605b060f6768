"""A mail scanner with patience: it opens a link, waits, fills in every field, chooses and presses every button.

Whatever it takes, first or as it stands, nothing is decided, answered, delegated, asked, withdrawn, undone or mailed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from html.parser import HTMLParser

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.choices import Choices, Option
from holdgate.approvals.errors import SelfApproval, SignInNeeded
from holdgate.approvals.forms import FormField
from holdgate.approvals.pages import review
from holdgate.approvals.requests import clarifying, deciding, expiring
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.rules.access import asked_by_link
from holdgate.approvals.states import ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.web import form_time
from tests.elements import alerts, notices, texts
from tests.factories.approvals import OWNER, Asked, approval_of, principal, put_question, put_session
from tests.factories.blocks import every_block
from tests.factories.people import words
from tests.factories.site import browser_of, hidden, site_of, stranger

ANN, BOB = "ann@example.org", "bob@example.org"
FIELDS = (
    FormField("wish", "Wish", value="as it is"),
    FormField("letter", "Letter", "textarea", required=True),
    FormField("sure", "Sure", "boolean"),
    FormField("size", "Size", "select", options=("small", "large")),
)
Send = tuple[str, dict[str, str]]


class Scanner(HTMLParser):
    """Reads a page's forms and fills them in. `takes`: of boxes and radios "none", the "first", or "all" in order."""

    def __init__(self, takes: str) -> None:
        super().__init__()
        self._takes = takes
        self.sends: list[Send] = []
        self.links: list[str] = []
        self._select = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "a" and attributes.get("href", "").startswith("/review/"):
            self.links.append(attributes["href"])
        if tag == "form":
            self.sends.append((attributes["action"], {}))
            return
        if tag == "button" and "formaction" in attributes:
            self.sends.append((attributes["formaction"], self.sends[-1][1] | {name: value}))
            self.sends[-1], self.sends[-2] = self.sends[-2], self.sends[-1]  # what follows is the form's
            return
        if not self.sends or attributes.get("type") == "submit":
            return
        fields = self.sends[-1][1]
        sort = attributes.get("type", "text") if tag == "input" else tag
        if sort == "select":
            self._select = name
        elif sort == "option":
            fields.setdefault(self._select, value)
            if value and not fields[self._select]:
                fields[self._select] = value
        elif sort in ("radio", "checkbox"):
            trap = sort == "checkbox" and name == review.TRAP and self._takes != "all"
            if self._takes == "all" or (self._takes == "first" and name not in fields and not trap):
                fields[name] = value
        elif sort == "hidden":
            fields[name] = value
        elif name:
            fields[name] = "carol@example.org" if sort == "email" else value or "scanned"


Case = Callable[[Database, Settings], Awaitable[Asked]]


async def an_approval(database: Database, settings: Settings) -> Asked:
    return await put_question(database, settings, recipients=(ANN,), fields=FIELDS)


async def one_with_options(database: Database, settings: Settings) -> Asked:
    choices = Choices((Option("Ship now"), Option("Ship on Monday"), Option("Do not ship", False)), changes=True)
    shown = every_block(database, settings)
    fields = (*FIELDS, FormField("plan", "Plan", "file"))
    return await put_question(database, settings, recipients=(ANN,), fields=fields, choices=choices, shown=shown)


async def an_input(database: Database, settings: Settings) -> Asked:
    return await put_question(database, settings, hold=HoldType.INPUT, fields=FIELDS)


async def a_sign_in(database: Database, settings: Settings) -> Asked:
    asked = await put_question(database, settings, hold=HoldType.SIGN_IN, fields=())
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET shown = :shown"), {"shown": '{"url": "https://x.example/"}'})
    return asked


async def one_asked_back(database: Database, settings: Settings) -> Asked:
    asked = await an_approval(database, settings)
    async with database.write(f"recipient:{ANN}") as session:
        approval, person = await asked_by_link(session, asked.hashes()[0])
        await clarifying.ask_back(session, approval, person, "Why?")
    return asked


async def one_to_be_undone(database: Database, settings: Settings) -> Asked:
    asked = await put_question(database, settings, recipients=(ANN,), take_back=timedelta(minutes=5))
    async with database.write(f"recipient:{ANN}") as session:
        yes = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={"wish": "x"})
        await deciding.decide_by_link(session, asked.hashes()[0], yes, source="")
    return asked


async def an_expired_one(database: Database, settings: Settings) -> Asked:
    asked = await an_approval(database, settings)
    async with database.write("system") as session:
        await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)
    return asked


async def a_session(database: Database, settings: Settings) -> Asked:
    """All that its pages lead to is scanned with it."""
    [first, *_], token = await put_session(database, settings, 3, at_once=2, run=True, fields=FIELDS)
    first.tokens = [f"session/{token}"]
    return first


async def those_alike(database: Database, settings: Settings) -> Asked:
    first = await a_session(database, settings)
    first.tokens = [f"{first.tokens[0]}/together/{(await approval_of(database, first)).alike}"]
    return first


CASES = (
    an_approval,
    one_with_options,
    an_input,
    a_sign_in,
    one_asked_back,
    one_to_be_undone,
    an_expired_one,
    a_session,
    those_alike,
)


@pytest.fixture
async def phone(
    settings: Settings, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)  # it waits for as long as it takes
    async with site_of(settings, database, redis) as transport, stranger(transport) as client:
        yield client


async def everything(database: Database) -> list[object]:
    """What a form can change, but not how often a link was opened."""
    tables = ["tasks", "approvals", "approval_votes", "approval_notes", "approval_links", "approval_events"]
    tables += ["approval_recipients", "approval_digests", "approval_digest_links", "approval_uploads", "artifacts"]
    digest = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
    async with database.read() as session:
        people = await session.scalar(text("SELECT string_agg(email, ',') FROM approval_recipients"))
        return [people, *[await session.scalar(text(digest.format(table))) for table in tables]]


@pytest.mark.parametrize("takes", ["none", "first", "all"])
@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
async def test_a_patient_scanner_does_nothing(
    database: Database, settings: Settings, phone: httpx.AsyncClient, case: Case, takes: str
) -> None:
    asked = await case(database, settings)
    before = await everything(database)
    pages, pressed = [await phone.get(f"/review/{asked.tokens[0]}")], 0
    seen: set[str] = set()
    for depth in range(2):  # what the buttons and links lead to is scanned, too
        found = []
        for page in pages:
            scanner = Scanner(takes)
            scanner.feed(page.text)
            fresh = [link for link in dict.fromkeys(scanner.links) if link not in seen]
            seen.update(fresh)
            pages += [await phone.get(link) for link in fresh]
            for action, fields in scanner.sends:
                found.append(await phone.post(action, data=fields))
                assert found[-1].status_code in (409, 410, 422, 429), (depth, action, words(found[-1]))
        pages, pressed = found, pressed + len(found)
    assert pressed
    assert await everything(database) == before


async def test_what_was_entered_is_kept_when_a_page_was_open_for_too_long(
    database: Database, settings: Settings, phone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await an_approval(database, settings)
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    form = {name: hidden(page, name) for name in ("token", "stamp", "version")}
    sent = {**form, "decision": "reject", "reason": "typed by hand", "answer.letter": "a letter by hand"}
    with monkeypatch.context() as later:
        later.setattr(form_time, "TOO_OLD", timedelta())
        answer = await phone.post("/review", data=sent)
    assert answer.status_code == 422
    assert alerts(answer)
    assert texts(answer, "textarea", name="reason") == ["typed by hand"]
    assert texts(answer, "textarea", name="answer.letter") == ["a letter by hand"]
    again = {**sent, "stamp": hidden(answer.text, "stamp")}
    assert (await phone.post("/review", data=again)).status_code == 303


async def test_a_stamp_is_good_for_one_link_and_one_version(
    database: Database, settings: Settings, phone: httpx.AsyncClient
) -> None:
    other = await an_approval(database, settings)
    asked = await put_question(database, settings, recipients=(ANN, BOB), name="another")
    pages = [(await phone.get(f"/review/{token}")).text for token in (other.tokens[0], asked.tokens[1])]
    for page in pages:
        form = {"token": asked.tokens[0], "version": asked.version, "stamp": hidden(page, "stamp")}
        for act in ({"decision": "reject", "reason": "no"}, {"question": "Why?", "confirm": "yes"}):
            path = "/review" if "decision" in act else "/review/ask-back"
            assert (await phone.post(path, data={**form, **act})).status_code == 422
    page = (await phone.get(f"/review/{asked.tokens[0]}")).text
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET version = repeat('0', 64)"))
    form = {name: hidden(page, name) for name in ("token", "stamp", "version")}
    late = await phone.post("/review/ask-back", data={**form, "question": "Why?", "confirm": "yes"})
    assert late.status_code == 409
    swapped = {**form, "version": "0" * 64, "decision": "reject", "reason": "no"}
    assert (await phone.post("/review", data=swapped)).status_code == 422
    assert (await approval_of(database, asked)).state == "pending"


@pytest.mark.parametrize("path", ["", "/forward", "/ask-back"])
async def test_whoever_started_it_and_is_signed_in_does_not_decide_by_another_s_link(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await put_question(database, settings, recipients=(ANN,), self_approval=False)
    async with site_of(settings, database, redis) as transport:
        async with stranger(transport) as phone:
            page = (await phone.get(f"/review/{asked.tokens[0]}")).text
        form = {name: hidden(page, name) for name in ("token", "stamp", "version")}
        form |= {"decision": "approve", "answer.wish": "x", "to": BOB, "question": "Why?", "confirm": "yes"}
        async with browser_of(transport, await principal(database, OWNER)) as owner:
            shown = await owner.get(f"/review/{asked.tokens[0]}")
            assert "barred" in notices(shown)
            assert "<form" not in shown.text.split("<main", 1)[1].split("</main>")[0]
            assert (await owner.post(f"/review{path}", data=form)).status_code == 403
        async with browser_of(transport, await principal(database, BOB)) as other:
            assert (await other.post(f"/review{path}", data=form)).status_code == 303, "nobody else is held up"


async def test_the_ban_holds_for_an_undo_too(database: Database, settings: Settings) -> None:
    asked = await put_question(
        database, settings, recipients=(ANN,), self_approval=False, take_back=timedelta(minutes=5)
    )
    async with database.write("x") as session:
        owner = await principal(database, OWNER)
        with pytest.raises(SelfApproval):
            await asked_by_link(session, asked.hashes()[0], owner)


async def test_at_level_sign_in_a_token_is_not_its_person(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,), level="sign-in")
    ann = await principal(database, ANN)
    program = msgspec.structs.replace(ann, by_program=True)
    yes = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={"wish": "x"})
    async with database.write("x") as session:
        with pytest.raises(SignInNeeded):
            await deciding.decide_signed_in(session, program, asked.approval_id, yes, source="")
        assert await recipient_queries.recipients_of(session, [asked.approval_id])
        decided = await deciding.decide_signed_in(session, ann, asked.approval_id, yes, source="")
        assert decided.state == "approved"
