"""The mixed load of a campaign: programs that go on asking until they are answered, and people who read their email.

A request that changes something carries a key and is sent again to the other web server until there is an answer, as
any careful program does. What was answered is acknowledged, and has to be there in the end.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.chaos.campaign.installation import Installation
from tests.chaos.campaign.record import Decision

PEOPLE = tuple(f"{name}@example.org" for name in ("ann", "bob", "cid", "dan", "eve"))
PAUSE = 0.25  # seconds between two things that programs do, about
READS = 2.3  # seconds that a person looks at a page before they decide
BUSY = (409, 429, 500, 502, 503, 504)
LEFT_ALONE = 0.08  # of the requests, by everybody
REFUSES = 0.25


class Programs:
    """What programs do, one thing after another, drawn by the seed."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._of, self._chance, self._record = installation, chance, installation.record
        self._client = httpx.AsyncClient(timeout=5, headers={"Authorization": f"Bearer {installation.token}"})
        self._number = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._share: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._work, 20),
            (self._request, 8),
            (self._many, 3),
            (self._run, 3),
            (self._bulk, 2),
            (self._http, 4),
            (self._sample, 4),
            (self._file, 4),
            (self._report, 1),
            (self._program_asks, 2),
            (self._reads, 6),
        ]

    async def begin(self) -> None:
        """What is there from the start: a webhook, schedules."""
        events = ["task.succeeded", "approval.approved", "run.finished"]
        await self._post("/webhooks", {"url": f"{self._of.outside}/hooks", "events": events})
        for number in range(3):
            schedule = {"name": f"Schedule {number}", "kind": "sample.task", "cron": "* * * * *"}
            await self._post("/schedules", schedule)

    async def go_on(self, until: asyncio.Event) -> None:
        """Returns when everything under way has been answered."""
        verbs, weights = zip(*self._share, strict=True)
        while not until.is_set():
            [verb] = self._chance.choices(verbs, weights)
            job = asyncio.ensure_future(verb())
            self._under_way.add(job)
            job.add_done_callback(self._under_way.discard)
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * PAUSE)
        await asyncio.gather(*self._under_way)
        await self._client.aclose()

    def _name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}-{self._number}"

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer, once there is one."""
        key, server = str(uuid4()), self._number % 2
        while True:
            try:
                url = f"{self._of.web(server)}/api/v1{path}"
                answer = await self._client.post(url, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in BUSY:
                if answer.status_code >= 400:
                    self._record.refused.append(f"POST {path}: {answer.status_code} {answer.text[:300]}")
                    return None
                return answer.json()
            if answer is not None and answer.status_code == 409 and "Retry-After" not in answer.headers:
                return None  # the state has moved on: a run that ended before it was paused
            server = 1 - server
            await asyncio.sleep(0.3)

    async def enqueue(self, kind: str, name: str, payload: dict[str, Any]) -> None:
        self._record.asked_for.add(name)
        made = await self._post("/tasks", {"kind": kind, "payload": payload, "subject": name})
        if made is not None:
            self._record.acknowledged[name] = UUID(made["id"])

    def _effort(self, name: str) -> dict[str, Any]:
        naps = self._chance.choice((0.0, 0.0, 1.0, 2.0))
        return {
            "name": name,
            "steps": self._chance.randint(1, 4),
            "fails": self._chance.choice((0, 0, 0, 2)),
            "naps": naps,
        }

    async def _work(self) -> None:
        name = self._name("work")
        await self.enqueue("chaos.work", name, self._effort(name))

    async def _file(self) -> None:
        name = self._name("file")
        await self.enqueue("chaos.file", name, {"name": name})

    async def _sample(self) -> None:
        name = self._name("sample")
        await self.enqueue("sample.task", name, {"steps": 2, "progress": True})

    async def _http(self) -> None:
        name = self._name("http")
        payload = {"url": f"{self._of.outside}/requests", "method": "POST", "json": {"name": name}, "timeout": 2}
        await self.enqueue("http.request", name, payload)

    async def _report(self) -> None:
        name, today = self._name("report"), datetime.now(UTC).date()
        payload = {"since": str(today), "until": str(today), "formats": ["csv", "html"]}
        await self.enqueue("report.generate", name, payload)

    async def _request(self) -> None:
        """One of some people, who may change the form; or two of three."""
        name = self._name("request")
        needed = self._chance.choice((1, 1, 2))
        people = self._chance.sample(PEOPLE, 3 if needed == 2 else self._chance.randint(1, 2))
        if self._chance.random() < LEFT_ALONE:
            self._record.undecided.add(name)
        payload = {"name": name, "people": people, "needed": needed, "seconds": self._chance.choice((1200, 1200, 10))}
        await self.enqueue("chaos.request", name, payload)

    async def _program_asks(self) -> None:
        """A program that is no task asks, and is told by a webhook."""
        name = self._name("question")
        body = {"recipients": [self._chance.choice(PEOPLE)], "callback_url": f"{self._of.outside}/callbacks"}
        await self.ask(name, {"title": f"Send {name}", **body})

    async def ask(self, name: str, body: dict[str, Any]) -> None:
        self._record.asked_for.add(name)
        made = await self._post("/approvals", body)
        if made is not None:
            self._record.acknowledged[name] = UUID(made["task_id"])

    async def _many(self) -> None:
        names = [self._name("work") for _ in range(self._chance.randint(2, 8))]
        self._record.asked_for.update(names)
        tasks = [{"kind": "chaos.work", "payload": self._effort(name), "subject": name} for name in names]
        made = await self._post("/tasks/bulk", {"tasks": tasks})
        if made is not None:
            self._record.acknowledged.update(zip(names, map(UUID, made["ids"]), strict=True))

    async def _run(self) -> None:
        """Started, paused, resumed."""
        names = [self._name("work") for _ in range(self._chance.randint(2, 6))]
        self._record.asked_for.update(names)
        tasks = [{"kind": "chaos.work", "payload": self._effort(name), "subject": name} for name in names]
        made = await self._post("/runs", {"name": self._name("run"), "tasks": tasks})
        if made is None:
            return
        self._record.runs.append(UUID(made["id"]))
        await self._post(f"/runs/{made['id']}/pause", {})
        await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        await self._post(f"/runs/{made['id']}/resume", {})

    async def _bulk(self) -> None:
        """Tasks that are planned for later, all cancelled by one action."""
        name = self._name("bulk")
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        tasks = [{"kind": "sample.task", "title": name, "run_at": later} for _ in range(20)]
        made = await self._post("/runs", {"name": name, "tasks": tasks})
        if made is None:
            return
        asked = {"verb": "cancel", "filter": {"run_id": made["id"]}, "expected": 20}
        action = await self._post("/bulk", asked)
        if action is not None:
            self._record.bulk.append(UUID(action["id"]))

    async def _reads(self) -> None:
        """A list or a page: while a fault lasts it may fail."""
        path = self._chance.choice(("/tasks?limit=20", "/approvals", "/runs", "/events", "/bulk", "/dead-letters"))
        try:
            answer = await self._client.get(f"{self._of.web(self._chance.randrange(2))}/api/v1{path}")
        except httpx.TransportError:
            return
        if answer.status_code >= 400 and answer.status_code not in BUSY:
            self._record.refused.append(f"GET {path}: {answer.status_code} {answer.text[:300]}")


class People:
    """They open the links in their emails and decide, each request once, in their own time."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._of, self._chance, self._record = installation, chance, installation.record
        self._read: set[str] = set()  # links
        self._seen = 0  # emails
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._under_way)

    async def go_on(self, until: asyncio.Event) -> None:
        while not until.is_set():
            mails = self._record.mails()
            for mail in mails[self._seen :]:
                part = mail.get_body(("plain",))
                found = re.search(r"http://\S+/review/\S+", part.get_content() if part is not None else "")
                if found is not None and found[0] not in self._read:
                    self._read.add(found[0])
                    job = asyncio.ensure_future(self._decide(found[0], str(mail["To"])))
                    self._under_way.add(job)
                    job.add_done_callback(self._under_way.discard)
            self._seen = len(mails)
            await asyncio.sleep(0.3)
        for job in self._under_way:
            job.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _decide(self, link: str, person: str) -> None:
        path = link[link.index("/review/") :]
        headers = {"X-Forwarded-For": f"10.0.0.{PEOPLE.index(person) + 1}"}
        decision: Decision | None = None
        async with httpx.AsyncClient(timeout=5, headers=headers) as client:
            server = self._chance.randrange(2)
            while True:
                server = 1 - server
                base = self._of.web(server)
                try:
                    page = await client.get(f"{base}{path}")
                    name = _name_on(page.text)
                    if page.status_code >= 500 or page.status_code == 429:
                        await asyncio.sleep(0.5)
                        continue
                    if name is None or name in self._record.undecided or "<form" not in page.text:
                        return  # it is over, or nobody's wish to decide
                    if 'name="stamp"' not in page.text:
                        return
                    if decision is None:
                        decision = self._choose(name, person)
                    await asyncio.sleep(READS)
                    answer = await client.post(f"{base}/review", data=_filled(page.text, decision))
                    if answer.status_code == 303:
                        decision.told = True
                        return
                    if answer.status_code < 500 and answer.status_code != 429:
                        return  # somebody else was faster, or an answer that was lost has counted
                except httpx.TransportError:
                    await asyncio.sleep(0.3)

    def _choose(self, name: str, person: str) -> Decision:
        """The same by every link that they have of it."""
        for made in self._record.decisions:
            if (made.name, made.person) == (name, person):
                return made
        verb = "reject" if self._chance.random() < REFUSES else "approve"
        decision = Decision(name, person, verb, f"{name} by {person}")
        # Written down before it is sent: an answer may be lost, and the decision count.
        self._record.decisions.append(decision)
        return decision


def _name_on(page: str) -> str | None:
    found = re.search(r"Send ((?:request|question)-\d+)", page)
    return found[1] if found else None


def _filled(page: str, decision: Decision) -> dict[str, str]:
    form = {name: _hidden(page, name) for name in ("token", "version", "stamp")}
    if 'name="answer.wish"' in page:
        form["answer.wish"] = decision.wish
    return {**form, "decision": decision.verb, "reason": "So it is."}


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return unescape(found[1]) if found else ""
