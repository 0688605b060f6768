"""A title, a name or a value that reads otherwise than it is: every place where people decide shows the same."""

from email.message import EmailMessage
from html import unescape

import httpx
import pytest
from redis.asyncio import Redis

from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.forms import FormField
from holdgate.approvals.requests import deciding, mails, resolving
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Question
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.mail.message import render
from tests.factories.approvals import OWNER, Asked, approve, principal, put_question
from tests.factories.site import browser_of, site_of, stranger

PAYEE = "\u202egro.elpmaxe@nna\u202c"  # reads ann@example.org
SHOWN = "‹U+202E›gro.elpmaxe@nna‹U+202C›"
NAME = f"x{PAYEE}"


async def asked_about(database: Database, settings: Settings) -> Asked:
    field = FormField("wish", "Wish", value=f"pay {PAYEE}")
    return await put_question(database, settings, name=NAME, title=f"Pay {PAYEE}", fields=(field,))


async def mail_about(database: Database, settings: Settings, asked: Asked) -> EmailMessage:
    async with database.write("system") as session:
        found = await recipient_queries.recipients_of(session, [asked.approval_id])
        values = await mails.ApprovalRequest().prepare(session, mails.AskedPerson(found[0].id), settings)
    return render("approval_request", values, to=OWNER, task_id=uuid7(), settings=settings)


async def test_pages_emails_and_receipts_show_what_turns_a_text_around(
    database: Database, settings: Settings, redis: Redis
) -> None:
    asked = await asked_about(database, settings)
    message = await mail_about(database, settings, asked)
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    told = {
        "subject": str(message["Subject"]),
        "text": str(text.get_content()),
        "html": unescape(str(html.get_content())),
    }
    owner = await principal(database)
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        async with stranger(transport) as phone:
            told["link"] = (await phone.get(f"/review/{asked.tokens[0]}")).text
        told["page"] = (await browser.get(f"/approvals/{asked.approval_id}")).text
        told["inbox"] = (await browser.get("/approvals")).text
        async with database.write(f"recipient:{OWNER}") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="192.0.2.1")
        told["receipt"] = (await browser.get(f"/approvals/{asked.approval_id}/receipt")).text
        told["timeline"] = (await browser.get(f"/tasks/{asked.task_id}")).text
        told["audit"] = (await browser.get("/approvals?show=decided")).text
    for place, shown in told.items():
        assert f"Pay {SHOWN}" in shown, place
        if place not in ("link", "page"):  # their form sends back what is in it
            assert "\u202e" not in shown, place
    for place in ("link", "page"):
        assert f'value="pay {PAYEE}"' in told[place]
        assert "U+202E RIGHT-TO-LEFT OVERRIDE" in told[place]
        assert told[place].count("\u202e") == 1, place
    for place in ("html", "link", "page", "inbox"):
        assert f"<bdi>Pay {SHOWN}</bdi>" in told[place], place
    for place in ("text", "html", "link", "page", "receipt"):
        assert f"x{SHOWN}" in told[place], place


@pytest.mark.parametrize("title", ["", "  ", "\u200b", "\u3164\u00ad"])
def test_a_title_that_nobody_can_see_is_refused(title: str) -> None:
    question = Question(hold=HoldType.APPROVAL, step="go", title=title, shown={})
    with pytest.raises(QuestionImpossible, match="no title that can be seen"):
        resolving.check_question(question)


async def test_what_is_stored_is_exact(database: Database, settings: Settings, redis: Redis) -> None:
    asked = await asked_about(database, settings)
    owner = await principal(database)
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        sent: httpx.Response = await browser.send_form(
            f"/approvals/{asked.approval_id}/decision",
            {"version": asked.version, "answer.wish": f"pay {PAYEE}", "decision": "approve"},
        )
        assert sent.status_code == 303
        receipt = (await browser.get(f"/approvals/{asked.approval_id}/receipt.json")).text
    assert PAYEE in receipt
