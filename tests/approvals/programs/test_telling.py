"""Who is told what: the asker's name and links on pages and in emails, the page of programs, and the callback."""

import html
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from holdgate.approvals.programs import callbacks
from holdgate.approvals.requests import mails
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.states import ApprovalVerb
from holdgate.core.principal import Principal
from holdgate.core.text.web_address import hosts_in, unlinked
from holdgate.mail.message import render
from tests.factories.asking import APPROVALS, REQUEST, answer_by_link, ask, asking_program, link_of
from tests.factories.programs import ADMIN, OWNER, Api, pointers
from tests.factories.site import browser_of, hidden, stranger
from tests.factories.webhooks import FINE, answer, told
from tests.factories.workers import until, working
from tests.kinds.odd_site import odd_site

BOB = "bob@example.org"
EVIL = {
    "title": "Sign in at https://evil.example/login",
    "show": [
        {"type": "text", "text": "Your password is over: http://evil.example/a and www.evil.example"},
        {"type": "markdown", "text": "[Our bank](https://bank.example/x)"},
        {"type": "link", "url": "https://linked.example/y"},
    ],
}


async def mail_to(api: Api, approval_id: str) -> str:
    """The text and HTML of the mail that asks the first of those asked."""
    async with api.database.read() as session:
        [person] = await recipient_queries.recipients_of(session, [UUID(approval_id)])
    data = mails.AskedPerson(person.id)
    async with api.database.write("system") as session:
        context = await mails.ApprovalRequest().prepare(session, data, api.settings)
    message = render("approval_request", context, to=person.email, task_id=UUID(int=1), settings=api.settings)
    return "".join(part.get_content() for part in message.walk() if part.get_content_maintype() == "text")


def asker_on(page: httpx.Response) -> list[str]:
    """The program and its person, as the page of a request names them."""
    [asker] = re.findall(r'data-fact="asker"><bdi>(.*?)</bdi>', page.text)
    name, _, words = asker.partition(", ")
    return [name, words.rpartition(" ")[2]]


async def trust(api: Api, site: httpx.ASGITransport, admin: Principal) -> int:
    [[token]] = await api.sql("SELECT id FROM api_tokens WHERE scopes = ARRAY['approvals:create']")
    browser = browser_of(site, admin)
    return (await browser.send_form(f"/settings/ask/{token}/trust", {"trusted": "true"})).status_code


async def test_pages_and_emails_say_which_program_asks_and_make_no_link_of_what_it_writes(
    api: Api, site: httpx.ASGITransport
) -> None:
    made = await ask(await asking_program(api), recipients=[BOB], **EVIL)
    mail = await mail_to(api, made["id"])
    assert re.search(r"tests, .*owner@example\[\.\]org", mail)
    assert "evil[.]example" in mail and not re.search(r"(evil|bank|linked)\.example", mail)
    link = await link_of(api, made["id"])
    page = await stranger(site).get(f"/review/{link}")
    assert asker_on(page) == ["tests", OWNER]
    assert re.search(r'data-fact="hosts">[^<]*evil.example', page.text)
    assert not re.search(r'href="https?://(evil|bank|linked)', page.text)
    assert "bank.example/x" in page.text and "linked.example" in page.text

    inbox = await browser_of(site, await api.person(BOB)).get("/approvals")
    assert re.search(r'data-fact="asker">[^<]*<bdi>tests</bdi>', inbox.text)

    assert await trust(api, site, await api.person("third@example.org")) == 403
    programs = await browser_of(site, await api.person(ADMIN, admin=True)).get("/settings/ask")
    assert programs.status_code == 200 and programs.text.count('id="program-') == 1
    assert await trust(api, site, await api.person(ADMIN, admin=True)) == 303
    page = await stranger(site).get(f"/review/{link}")
    assert 'href="https://bank.example/x"' in page.text and 'href="https://linked.example/y"' in page.text
    assert 'data-fact="hosts"' not in page.text and "https://evil.example/login" in await mail_to(api, made["id"])
    verbs = await api.sql("SELECT verb, actor FROM audit_events WHERE area = 'token' ORDER BY id DESC LIMIT 1")
    assert [*verbs] == [("trust", f"user:{ADMIN}")]


def test_hosts_are_found_and_written_so_that_no_mail_program_links_them() -> None:
    text = "see https://user@a.example:8/x?y=1, http://b.example and c.example; 4.2 and x"
    assert hosts_in(text) == ["a.example", "b.example"]
    assert unlinked(text) == "see (link to a[.]example) (link to b[.]example) and c[.]example; 4.2 and x"


async def test_the_page_makes_a_token_that_only_asks_and_texts_that_have_it(
    api: Api, site: httpx.ASGITransport
) -> None:
    person = await api.person(OWNER)
    browser = browser_of(site, person)
    assert "hg_your_token" in (await browser.get("/settings/ask")).text
    assert (await browser.send_form("/settings/ask", {"name": ""})).status_code == 422
    page = await browser.send_form("/settings/ask", {"name": "deploy", "days": "30"})
    assert page.status_code == 201
    [token] = set(re.findall(r"hg_[\w-]{20,}", page.text))
    assert [*await api.sql("SELECT name, scopes FROM api_tokens")] == [("deploy", ["approvals:create"])]
    [code] = re.findall(r'aria-label="Python" tabindex="0"><code>(.*?)</code>', page.text, re.S)
    compile(html.unescape(code), "shown", "exec")
    program = await api.client(token)
    assert (await ask(program))["state"] == "pending"


async def test_a_test_request_is_put_to_whoever_presses_the_button(api: Api, site: httpx.ASGITransport) -> None:
    browser = browser_of(site, await api.person(OWNER))
    sent = await browser.send_form("/settings/ask/test")
    assert sent.status_code == 303
    page = await browser.get(sent.headers["location"])
    assert asker_on(page)[1] == OWNER
    form = {"decision": "approve", "version": hidden(page.text, "version")}
    assert (await browser.send_form(f"{sent.headers['location']}/decision", form)).status_code == 303


async def test_options_and_requests_for_changes_are_answers(api: Api) -> None:
    program = await asking_program(api)
    offered = ["Now", {"name": "Never", "goes_on": False}]
    for options in (["A", "A"], [{"name": "No", "goes_on": False}]):
        assert pointers(await program.post(APPROVALS, json={**REQUEST, "options": options})) == ["#/options"]
    made = await ask(program, options=offered, request_changes=True)
    await answer_by_link(api, made["id"], None, option="Never")
    found = (await program.get(f"{APPROVALS}/{made['id']}")).json()
    assert (found["state"], found["decision"]["option"]) == ("rejected", "Never")
    made = await ask(program, options=offered, request_changes=True)
    await answer_by_link(api, made["id"], ApprovalVerb.REQUEST_CHANGES, reason="Later.")
    found = (await program.get(f"{APPROVALS}/{made['id']}")).json()
    assert (found["state"], found["decision"]["option"]) == ("changes_requested", "request_changes")
    assert found["decision"]["reason"] == "Later." and found["receipt"]


async def call_back(api: Api) -> None:
    async with api.database.write("system") as session:
        await callbacks.call_back(session, api.settings)


@pytest.mark.parametrize("how", ["approve", "reject", "cancel"])
async def test_the_callback_is_told_once_signed_and_tried_again(api: Api, how: str) -> None:
    program = await asking_program(api)
    async with odd_site(answer("500 No"), FINE, FINE) as receiver:
        made = await ask(program, callback_url=receiver.url, metadata={"build": 7})
        secret: str = made["callback_secret"]
        await call_back(api)
        assert await api.sql("SELECT 1 FROM webhook_deliveries") == []
        if how == "cancel":
            await program.post(f"{APPROVALS}/{made['id']}/cancel")
        else:
            await answer_by_link(api, made["id"], ApprovalVerb(how), reason="so")
        await call_back(api)
        await call_back(api)

        async def delivered() -> bool:
            await api.sql("UPDATE tasks SET run_at = now() WHERE state = 'retrying'")
            return bool(await api.sql("SELECT 1 FROM webhook_deliveries WHERE delivered_at IS NOT NULL"))

        async with working(api.database, api.settings):
            await until(delivered)
        first, second = told(receiver)
    assert first.id == second.id and first.body == second.body
    message: Any = second.verified(secret)
    state = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}[how]
    assert (message["type"], message["data"]["state"]) == (f"approval.{state}", state)
    assert message["data"]["id"] == made["id"] and message["data"]["metadata"] == {"build": 7}


async def test_a_callback_is_nobodys_webhook_and_goes_to_no_place_that_is_refused(api: Api) -> None:
    program = await asking_program(api)
    for url in ("ftp://hooks.example/a", "Not a valid email", "http://"):
        assert pointers(await program.post(APPROVALS, json={**REQUEST, "callback_url": url})) == ["#/callback_url"]
    made = await ask(program, callback_url="https://hooks.example/a")
    assert "callback_secret" not in (await program.get(f"{APPROVALS}/{made['id']}")).text
    owner = await api.program()
    assert (await owner.get("/api/v1/webhooks")).json() == {"items": []}
    assert await api.sql("SELECT 1 FROM audit_events WHERE area = 'webhook'") == []
