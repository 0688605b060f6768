"""From a job board's address to what came of each application, with web, worker, mail server and employers as separate
processes: watched, approved in one session, sent in three ways, each exactly once, and recorded."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
import pytest

from holdgate.accounts.api.resume import FILE
from tests.careers.careers_site import PDF
from tests.factories.site import hidden
from tests.factories.workers import until
from tests.journeys.applicant import ANN
from tests.journeys.conftest import Installation

pytestmark = pytest.mark.slow

READS = 2.1  # seconds: what comes within two is a robot's
PATIENCE = 90.0


@dataclass
class Employer:
    """A board in the format of Lever, and an employer's site that hangs up once it has an application."""

    url: str = ""
    postings: list[dict[str, Any]] = field(default_factory=list)
    applied: list[bytes] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        if head.startswith("POST /cut"):
            self.applied.append(body)
        elif head.startswith("GET /board"):
            answer = json.dumps(self.postings).encode()
            said = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
            writer.write(said.encode() + answer)
        else:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    def posts(self, title: str, apply_url: str) -> None:
        page = f"https://jobs.lever.co/quillwork/0d9f6a3e-0000-4000-8000-00000000000{len(self.postings)}"
        self.postings.append({"id": title, "text": title, "hostedUrl": page, "applyUrl": apply_url or f"{page}/apply"})


@asynccontextmanager
async def employer() -> AsyncIterator[Employer]:
    made = Employer()
    listener = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield made
    listener.close()


async def decide_all(phone: httpx.AsyncClient, link: str) -> int:
    """Approve what the session shows, one after the other, as a phone without scripts does."""
    decided = 0
    while True:
        page = (await phone.get(link)).text
        letter = re.search(r'<textarea[^>]*name="answer.cover_letter"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
        if letter is None:  # what comes after the approvals: what is to be done by hand, or to be looked at
            return decided
        form = {name: hidden(page, name) for name in ("token", "version", "stamp")}
        form |= {"decision": "approve", "answer.cover_letter": unescape(letter[1]), "reason": ""}
        await asyncio.sleep(READS)
        assert (await phone.post("/review", data=form)).status_code in (200, 303)
        decided += 1


async def test_from_a_boards_address_to_what_came_of_each_application(installation: Installation) -> None:
    installation.holdgate("user", "add", ANN)
    token = installation.holdgate("token", "create", ANN).strip()
    headers = {"Authorization": f"Bearer {token}"}
    careers = installation.site.url
    async with (
        employer() as site,
        httpx.AsyncClient(base_url=f"{installation.base}/api/v1", headers=headers, timeout=30) as program,
        httpx.AsyncClient(base_url=installation.base, timeout=30) as phone,
    ):
        site.posts("Typesetter", f"{careers}/jobs/typesetter/apply")
        site.posts("Bookbinder", f"{careers}/jobs/bookbinder/apply")
        site.posts("Papermaker", f"{site.url}/cut/apply")
        site.posts("Engraver", "mailto:jobs@engravers.example")
        site.posts("Gilder", "")

        async def items(path: str, **query: str) -> list[dict[str, Any]]:
            answer = await program.get(path, params=query)
            found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
            return found

        await program.post("/account/profile", json={"name": "Ann Applicant", "email": ANN})
        await program.post("/account/resume", content=PDF, headers={"Content-Type": FILE})
        watch = {"name": "Watch", "kind": "board.watch", "cron": "0 9 * * *", "zone": "UTC"}
        made = await program.post("/schedules", json={**watch, "payload": {"address": f"{site.url}/board"}})
        assert made.status_code == 201, made.text
        assert (await program.post(f"/schedules/{made.json()['id']}/run")).status_code == 200

        async def watched() -> bool:
            return len(await items("/postings")) == 5

        await until(watched, PATIENCE)
        ways = {one["title"]: one["channel"] for one in await items("/postings")}
        assert ways == {
            **dict.fromkeys(("Typesetter", "Bookbinder", "Papermaker"), "direct"),
            "Engraver": "email",
            "Gilder": "by_hand",
        }
        run = await program.post("/runs/from-postings", json={"name": "Monday", "matching": ""})
        assert run.json()["tasks"] == 5
        link = installation.link_in(await installation.mail_to(ANN, "waiting for you", PATIENCE))
        assert await decide_all(phone, link) == 5

        async def settled() -> bool:
            tasks = await items("/tasks", run_id=run.json()["id"])
            return sorted(task["state"] for task in tasks) == ["needs_input"] * 2 + ["succeeded"] * 3

        await until(settled, PATIENCE)
        [by_hand] = await items("/applications", q="Gilder")
        [cut] = await items("/applications", q="Papermaker")
        for application in (by_hand, cut):
            said = {"confirmation": f"C-{application['title']}"}
            done = await program.post(f"/applications/{application['id']}/sent", json=said)
            assert done.status_code == 200, done.text

        async def ended() -> bool:
            return {task["state"] for task in await items("/tasks", run_id=run.json()["id"])} == {"succeeded"}

        await until(ended, PATIENCE)
        sent = {one["title"]: (one["status"], one["channel"]) for one in await items("/applications")}
        assert sent == {
            **dict.fromkeys(("Typesetter", "Bookbinder"), ("sent", "direct")),
            "Engraver": ("sent", "email"),
            **dict.fromkeys(("Gilder", "Papermaker"), ("sent", "by_hand")),
        }
        # Each employer has exactly one.
        assert [len(installation.site.received(job)) for job in ("typesetter", "bookbinder")] == [1, 1]
        assert len(site.applied) == 1
        mail = await installation.mail_to("jobs@engravers.example", "Engraver", PATIENCE)
        [engraver] = await items("/applications", q="Engraver")
        assert engraver["receipt"] == mail["Message-ID"]
        answered = await program.post(f"/applications/{engraver['id']}", json={"status": "interview"})
        assert answered.json()["status"] == "interview" and answered.json()["copy"]["name"] == "Ann Applicant"
