"""A personal link beside tokens: what it opens of what a program asks, and what it does not."""

import pytest

from holdgate.approvals.pages import review
from tests.factories.asking import APPROVALS, REQUEST, ask, asking_program, link_of
from tests.factories.programs import Api
from tests.factories.site import hidden

BOB = "bob@example.org"


async def test_a_personal_link_reads_and_decides_its_own_request_and_nothing_else(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asker = await asking_program(api)
    made, other = [await ask(asker, recipients=[BOB], title=title) for title in ("Deploy", "Delete")]
    link, path = await link_of(api, made["id"]), f"{APPROVALS}/{made['id']}"
    decision = {"version": made["version"], "decision": "approve"}

    program = await api.client(link)
    as_a_token = {
        "ask": await program.post(APPROVALS, json=REQUEST),
        "read": await program.get(path),
        "wait": await program.get(path, params={"wait": 1}),
        "cancel": await program.post(f"{path}/cancel"),
        "decide": await program.post(f"{path}/decision", json=decision),
        "use": await program.post(f"{path}/use"),
        "mcp": await program.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    }
    assert {what: answer.status_code for what, answer in as_a_token.items()} == dict.fromkeys(as_a_token, 401)

    phone = await api.client()
    page = await phone.get(f"/review/{link}")
    assert page.status_code == 200 and "Delete" not in page.text
    form = {name: hidden(page.text, name) for name in ("token", "version", "stamp")} | {"decision": "approve"}
    # Nor does having opened it open a page of those who are signed in.
    assert (await phone.get(f"/approvals/{made['id']}")).headers["location"].startswith("/login")
    for press in ("decision", "cancel"):
        assert (await phone.post(f"/approvals/{made['id']}/{press}", data=form)).status_code in (401, 403, 404, 405)
    refused = await phone.post("/review", data={**form, "version": other["version"]})
    assert refused.status_code == 422, "the stamp is of what the page showed"
    assert (await phone.post("/review", data=form)).status_code == 303
    states = [(await asker.get(f"{APPROVALS}/{each['id']}")).json()["state"] for each in (made, other)]
    assert states == ["approved", "pending"]
