"""The people of a campaign: they read their email, and decide by the links in it."""

import asyncio
import random
import re
from html import unescape

import httpx

from tests.chaos.campaign import employer
from tests.chaos.campaign.installation import OWNER, Installation
from tests.chaos.campaign.record import Decision

PEOPLE = tuple(f"{name}@example.org" for name in ("ann", "bob", "cid", "dan", "eve"))
READS = 2.3  # seconds that a person looks at a page before they decide
REFUSES = 0.25
PROBE = "probe-"  # in the names of what a campaign itself asks for; nobody decides it
FIELDS = ("answer.wish", "answer.cover_letter", "answer.arrived", "answer.status")


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
        headers = {"X-Forwarded-For": f"10.0.0.{(*PEOPLE, OWNER).index(person) + 1}"}
        decision: Decision | None = None
        async with httpx.AsyncClient(timeout=5, headers=headers) as client:
            server = self._chance.randrange(2)
            while True:
                server = 1 - server
                base = self._of.web(server)
                try:
                    page = await client.get(f"{base}{path}")
                    if page.status_code >= 500 or page.status_code == 429:
                        await asyncio.sleep(0.5)
                        continue
                    title = _title_of(page.text)
                    if title in self._record.undecided or PROBE in title or 'name="stamp"' not in page.text:
                        return  # it is over, or nobody's wish to decide
                    if decision is None:
                        decision = self._choose(title, person, page.text)
                    await asyncio.sleep(READS)
                    answer = await client.post(f"{base}/review", data=_filled(page.text, decision))
                    if answer.status_code == 303:
                        decision.told = True
                        return
                    if answer.status_code < 500 and answer.status_code != 429:
                        return  # somebody else was faster, or an answer that was lost has counted
                except httpx.TransportError:
                    await asyncio.sleep(0.3)

    def _choose(self, title: str, person: str, page: str) -> Decision:
        """The same by every link that they have of it."""
        for made in self._record.decisions:
            if (made.title, made.person) == (title, person):
                return made
        if 'name="answer.arrived"' in page:  # they look on the employer's site
            there = any(employer.arrival_title_of(one.name) == title for one in self._record.applications())
            decision = Decision(title, person, "answer", "yes" if there else "no")
        elif 'name="answer.status"' in page:
            decision = Decision(title, person, "answer", employer.INVITED)
        else:
            verb = "reject" if self._chance.random() < REFUSES else "approve"
            decision = Decision(title, person, verb, f"{title} by {person}")
        # Written down before it is sent: an answer may be lost, and the decision count.
        self._record.decisions.append(decision)
        return decision


def _title_of(page: str) -> str:
    found = re.search(r"<title>(.*) · Holdgate</title>", page)
    return unescape(found[1]) if found else ""


def _filled(page: str, decision: Decision) -> dict[str, str]:
    form = {name: _hidden(page, name) for name in ("token", "version", "stamp")}
    fields = (field for field in FIELDS if f'name="{field}"' in page)
    return {**form, **dict.fromkeys(fields, decision.wish), "decision": decision.verb, "reason": "So it is."}


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return unescape(found[1]) if found else ""
