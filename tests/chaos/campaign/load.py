"""The mixed load of a campaign: programs that go on asking until they are answered.

A request that changes something carries a key and is sent again to the other web server until there is an answer, as
any careful program does. What was answered is acknowledged, and has to be there in the end.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.chaos.campaign import employer
from tests.chaos.campaign.installation import Installation
from tests.chaos.campaign.people import PEOPLE

PAUSE = 0.25  # seconds between two things that programs do, about
LISTS = (
    *("/tasks?limit=20", "/approvals", "/runs", "/events", "/bulk", "/dead-letters"),
    *("/postings", "/applications"),
)
BUSY = (409, 429, 500, 502, 503, 504)
LEFT_ALONE = 0.08  # of the requests, by everybody


class Programs:
    """What programs do, one thing after another, drawn by the seed."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._of, self._chance, self._record = installation, chance, installation.record
        self._client = httpx.AsyncClient(timeout=5, headers={"Authorization": f"Bearer {installation.token}"})
        self._number = 0
        self._followed: set[str] = set()  # applications
        self._schedules: list[str] = []
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
            (self._apply, 8),
            (self._follow_up, 2),
            (self._watch, 2),
            (self._picture, 3),
            (self._reads, 6),
        ]

    async def begin(self) -> None:
        """What is there from the start: a webhook, schedules."""
        events = ["task.succeeded", "approval.approved", "run.finished"]
        await self._post("/webhooks", {"url": f"{self._of.outside}/hooks", "events": events})
        for number in range(3):
            schedule = {"name": f"Schedule {number}", "kind": "sample.task", "cron": "* * * * *"}
            self._schedules.append((await self._post("/schedules", schedule))["id"])

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
        for schedule_id in self._schedules:  # or a beat falls between the end of all work and the look at it
            await self._post(f"/schedules/{schedule_id}/pause", {})
        await self._client.aclose()

    def _name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}-{self._number}"

    async def _post(self, path: str, body: dict[str, Any] | str) -> Any:
        """The answer, once there is one. A body that is a text is CSV."""
        server, headers = self._number % 2, {"Idempotency-Key": str(uuid4())}
        if isinstance(body, str):
            headers["Content-Type"] = "text/csv"
        sent: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body}
        while True:
            try:
                url = f"{self._of.web(server)}/api/v1{path}"
                answer = await self._client.post(url, headers=headers, **sent)
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
            self._record.undecided.add(f"Send {name}")
        payload = {"name": name, "people": people, "needed": needed, "seconds": self._chance.choice((1200, 1200, 10))}
        await self.enqueue("chaos.request", name, payload)

    async def _apply(self) -> None:
        """A file of postings is imported, and a run applies for each: to sites that keep keys, and to others."""
        names = [self._name("application") for _ in range(self._chance.randint(1, 3))]
        sites = {name: self._chance.choice((employer.KEEPS, employer.FORGETS)) for name in names}
        for name in names:
            if self._chance.random() < LEFT_ALONE:
                self._record.undecided.add(employer.title_of(name))
        run = self._name("applications")
        seen = await self._post("/postings/imports", employer.postings_file(self._of.outside, sites))
        made = seen and await self._post(f"/postings/imports/{seen['id']}/start", {"name": run})
        if made is not None:
            self._record.runs.append(UUID(made["id"]))
            self._record.applications_for.update(names)

    async def _follow_up(self) -> None:
        """What has come of an application that was sent, and of which nobody was asked yet."""
        found = await self._get("/applications?status=sent")
        sent = [one["id"] for one in found["items"] if one["id"] not in self._followed] if found else []
        if sent:
            self._followed.add(sent[0])
            await self.enqueue("application.follow_up", self._name("follow-up"), {"application_id": sent[0]})

    async def _watch(self) -> None:
        """A board is looked at once."""
        name = self._name("board")
        host = employer.ADDRESSES[self._number % len(employer.ADDRESSES)]
        address = f"http://{host}:{self._of.ports['http']}/boards/{name}"
        await self.enqueue("board.watch", name, {"address": address})

    async def _picture(self) -> None:
        name = self._name("picture")
        payload = {"url": f"{self._of.outside}/picture/{name}", "resize": {"width": employer.WIDTH // 2}}
        await self.enqueue("image.process", name, {**payload, "format": "webp"})

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
        """A list: while a fault lasts it may fail."""
        await self._get(self._chance.choice(LISTS))

    async def _get(self, path: str) -> Any:
        try:
            answer = await self._client.get(f"{self._of.web(self._chance.randrange(2))}/api/v1{path}")
        except httpx.TransportError:
            return None
        if answer.status_code >= 400 and answer.status_code not in BUSY:
            self._record.refused.append(f"GET {path}: {answer.status_code} {answer.text[:300]}")
        is_json = "json" in answer.headers.get("Content-Type", "")  # a stream of events ends with its server
        return answer.json() if answer.status_code == 200 and is_json else None
