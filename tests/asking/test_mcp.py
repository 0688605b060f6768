"""Agents that ask people over MCP: the SDK's own client on both transports, against a real installation."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL
from holdgate.client import Client as Holdgate
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from holdgate.mcp.tools import LONGEST_WAIT, TOOLS
from tests.asking.conftest import Desk
from tests.factories.programs import token_for

TRANSPORTS = ["http", "stdio"]


@asynccontextmanager
async def agent(desk: Desk, transport: str, mode: str = "auto", token: str = "") -> AsyncIterator[Client]:
    """A session; `legacy` begins with the handshake of the protocol before 2026."""
    if transport == "http":
        headers = {"Authorization": f"Bearer {token or desk.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{desk.url}/mcp", http_client=http), mode=mode) as client,
        ):
            yield client
    else:
        command = StdioServerParameters(command=sys.executable, args=["-m", "holdgate.cli", "mcp"], env=desk.environ)
        async with Client(stdio_client(command), mode=mode) as client:
            yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    done = await client.call_tool(tool, arguments)
    assert not done.is_error, done.content
    found: dict[str, Any] = done.structured_content
    return found


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """What the model is told."""
    done = await client.call_tool(tool, arguments)
    assert done.is_error and done.content[0].type == "text"
    return done.content[0].text


async def said(client: Client, tool: str, **arguments: Any) -> str:
    """The status of a refusal; "" for none."""
    done = await client.call_tool(tool, arguments)
    return done.content[0].text[:3] if done.is_error and done.content[0].type == "text" else ""


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_agent_asks_waits_and_reads_the_receipt(desk: Desk, transport: str, mode: str) -> None:
    async with agent(desk, transport, mode) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(listed) == list(TOOLS)
        assert all(tool.annotations and tool.output_schema for tool in listed.values())
        wanted = {"title": "Drop the table", "to": [desk.approver], "show": {"SQL": "DROP TABLE x"}, "minutes": 5}
        wanted["working_hours"] = True
        made = await call(client, "request_approval", **wanted)
        again = await call(client, "request_approval", **wanted)
        assert made["state"] == "pending" and made["id"] == again["id"], "it is not asked twice"
        still = await call(client, "get_approval", id=made["id"], wait_seconds=0)
        assert still["state"] == "pending" and "approved" not in still and "again" in still["next"]
        deciding = desk.will_decide()
        done = await call(client, "get_approval", id=made["id"])
        assert deciding.result().shown == {"SQL": "DROP TABLE x"}
        assert done["approved"] is True and done["by"] == desk.approver and "come_back_in_seconds" not in done
        found = await call(client, "list_my_approvals", state="approved")
        assert [each["id"] for each in found["approvals"]] == [made["id"]]
        assert [resource.uri for resource in (await client.list_resources()).resources] == [done["receipt"]]
        receipt = (await client.read_resource(done["receipt"])).contents[0]
    with Holdgate(desk.url, desk.token) as hold:
        assert receipt.text.encode() == hold.receipt(made["id"])  # type: ignore[union-attr]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_person_answers_a_form_or_refuses(desk: Desk, transport: str) -> None:
    form = {"type": "object", "properties": {"size": {"type": "string", "enum": ["S", "L"]}}, "required": ["size"]}
    async with agent(desk, transport) as client:
        made = await call(client, "ask_person", title="Which?", to=[desk.approver], form=form, values={"size": "S"})
        desk.will_decide(size="L")
        done = await call(client, "get_approval", id=made["id"])
        assert done["approved"] is True and done["form"] == {"size": "L"}
        made = await call(client, "ask_person", title="And which?", to=[desk.approver], form=form)
        desk.will_decide("reject", reason="Ask somebody else.", size="S")
        done = await call(client, "get_approval", id=made["id"])
        assert (done["approved"], done["reason"]) == (False, "Ask somebody else.") and "Do not" in done["next"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_is_refused_is_an_error_of_the_tool_that_says_why(desk: Desk, transport: str) -> None:
    async with agent(desk, transport) as client:
        assert "title" in await refusal(client, "request_approval", to=[desk.approver])
        assert "recipients" in await refusal(client, "request_approval", title="T", to=["nobody"])
        assert "form" in await refusal(client, "ask_person", title="T", form={"type": "array"})
        too_long = await refusal(client, "get_approval", id="0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b", wait_seconds=51)
        assert "wait_seconds" in too_long and LONGEST_WAIT == 50
        assert "404" in await refusal(client, "get_approval", id="0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b")
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("decide", {})
        with pytest.raises(MCPError):
            await client.read_resource("holdgate://approvals/0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b/receipt")
        made = await call(client, "request_approval", title="Deploy", to=[desk.approver])
        assert (await call(client, "cancel_approval", id=made["id"]))["state"] == "cancelled"
        assert "409" in await refusal(client, "cancel_approval", id=made["id"])


async def test_a_wait_ends_by_its_bound_and_a_decision_ends_it_at_once(desk: Desk) -> None:
    async with agent(desk, "http") as client:
        made = await call(client, "request_approval", title="Deploy", to=[desk.approver])
        began = time.monotonic()
        still = await call(client, "get_approval", id=made["id"], wait_seconds=2)
        assert still["state"] == "pending" and 1.5 < time.monotonic() - began < 15
        waiting = asyncio.create_task(call(client, "get_approval", id=made["id"], wait_seconds=50))
        desk.decide()
        assert (await asyncio.wait_for(waiting, 20))["approved"] is True


async def test_whoever_only_asks_sees_nobody_elses_requests(desk: Desk, database: Database) -> None:
    with Holdgate(desk.url, desk.decides) as person:  # a token of another person, who may start tasks, and decide
        task = person.enqueue("sample.task", {"hold": "approval"})
        async with agent(desk, "http") as client:
            ends = time.monotonic() + 20
            while not (theirs := list(person.iter_approvals(task_id=str(task)))):
                assert time.monotonic() < ends
            assert (await call(client, "list_my_approvals"))["approvals"] == []
            assert "404" in await refusal(client, "get_approval", id=str(theirs[0].id), wait_seconds=0)


# token → what it is told when it asks, and when it reads, waits for and cancels what the desk's program has asked.
# "" is success. There is no tool that decides, whatever a token may.
MAY = {
    "the program": ("", "", "", ""),
    "another program of its person": ("", "404", "404", "404"),
    "its person's token": ("403", "", "", ""),
    "its person's token that reads": ("403", "", "", "403"),
    "its person's token that writes": ("403", "403", "403", ""),
    "its person's token that decides": ("403", "403", "403", "403"),
    "an approver's token": ("403", "", "", "403"),
    "an approver's program": ("", "404", "404", "404"),
    "another member's token": ("403", "404", "404", "404"),
    "an administrator's token": ("", "", "", ""),
}
USES: dict[str, tuple[str, list[Scope]]] = {
    "another program of its person": ("owner", [Scope.APPROVALS_CREATE]),
    "its person's token": ("owner", list(USUAL)),
    "its person's token that reads": ("owner", [Scope.TASKS_READ]),
    "its person's token that writes": ("owner", [Scope.TASKS_WRITE]),
    "its person's token that decides": ("owner", [Scope.APPROVALS_DECIDE]),
    "an approver's program": ("approver", [Scope.APPROVALS_CREATE]),
    "another member's token": ("other", list(USUAL)),
    "an administrator's token": ("admin", [Scope.ADMIN]),
}


@pytest.mark.parametrize("who", MAY)
async def test_by_mcp_a_token_may_do_what_it_may_by_the_api(who: str, desk: Desk, database: Database) -> None:
    token = {"the program": desk.token, "an approver's token": desk.decides}.get(who, "")
    async with database.write("system") as session:
        if who in USES:
            person, scopes = USES[who]
            email = desk.approver if person == "approver" else f"{person}@example.org"
            found = await add_user(session, email, admin=person == "admin")
            token = await token_for(session, desk.owner if person == "owner" else found.id, scopes)
    async with agent(desk, "http") as client:
        made = await call(client, "request_approval", title="Deploy", to=[desk.approver])
    async with agent(desk, "http", token=token) as client:
        told = [
            await said(client, "request_approval", title="Mine", to=["bob@example.org"]),
            await said(client, "get_approval", id=made["id"], wait_seconds=0),
            await said(client, "get_approval", id=made["id"], wait_seconds=1),
            await said(client, "cancel_approval", id=made["id"]),
        ]
        assert list(TOOLS) == [tool.name for tool in (await client.list_tools()).tools], "nobody decides here"
        for tool in ("decide", "decide_approval", "use_approval"):
            with pytest.raises(MCPError, match="no tool"):
                await client.call_tool(tool, {"id": made["id"], "version": "0" * 64, "decision": "approve"})
    assert tuple(told) == MAY[who]


def test_without_a_token_and_beside_messages_mcp_answers_as_the_api_does(desk: Desk) -> None:
    endpoint, headers = f"{desk.url}/mcp", {"Authorization": f"Bearer {desk.token}"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for given in ({}, {"Authorization": "Bearer hg_wrong"}):
        answer = httpx.post(endpoint, json=message, headers=given)
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    answer = httpx.get(endpoint, headers=headers)
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"
    crossed = httpx.post(endpoint, json=message, headers={"Origin": "https://evil.example"})
    assert crossed.status_code == 403, "a page of another site, which has no token"
    large = httpx.post(endpoint, content=json.dumps({**message, "x": "x" * 2_000_000}), headers=headers)
    assert large.status_code == 413


async def test_an_agent_adds_postings_and_sees_what_came_of_applications(desk: Desk, database: Database) -> None:
    """With a token that may; one that may only ask is refused."""
    async with database.write("system") as session:
        token = await token_for(session, desk.owner, list(USUAL))
    async with agent(desk, "http") as client:
        assert "tasks:write" in await refusal(client, "add_posting", title="t", company="c", url="https://x.example/")
    async with agent(desk, "http", token=token) as client:
        wanted = {"title": "Binder", "company": "Harrow", "url": "https://harrow.example/7"}
        made = await call(client, "add_posting", **wanted)
        assert made["known"] is False and (await call(client, "add_posting", **wanted)) == {**made, "known": True}
        assert "url" in await refusal(client, "add_posting", **{**wanted, "url": "nowhere"})
        with Holdgate(desk.url, token) as hold:
            hold.post("/postings/applied", {"postings": [made["id"]]})
        found = await call(client, "list_applications", status="sent", limit=1)
        assert [(job["title"], job["status"]) for job in found["applications"]] == [("Binder", "sent")]
        assert (await call(client, "list_applications", status="offer"))["applications"] == []
