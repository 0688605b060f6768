"""An applicant with a profile, postings at the real careers site, and applications on their way."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import update

from holdgate.accounts.profile.profiles import ProfileChange, save_profile
from holdgate.accounts.profile.resume_files import document
from holdgate.accounts.profile.resumes import save_resume
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.postings.models import Posting
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site

KIND = "application.submit"
TEMPLATE = "Dear {company} team,\n\nI want to be your {title}.\n{phone}\n\n{name}"
LETTER = "Dear Gantry & Rail team,\n\nI want to be your Engineer.\n+44 20 7946 0018\n\nAda Lovelace"
WORK_PERMIT = {
    "name": "work_permit",
    "label": "Are you allowed to work in the EU?",
    "required": True,
    "type": "select",
    "options": ["yes", "no"],
}
SALARY = {
    "name": "salary",
    "label": "What salary do you have in mind?",
    "required": False,
    "type": "text",
    "options": [],
}


@dataclass
class Applicant:
    database: Database
    tester: KindTester
    site: Site
    id: UUID
    profile: ProfileChange = field(
        default=ProfileChange(
            name="Ada Lovelace", email="ada@example.org", phone="+44 20 7946 0018", cover_letter=TEMPLATE, answers={}
        )
    )

    @classmethod
    async def create(cls, database: Database, tester: KindTester, site: Site) -> "Applicant":
        ada = cls(database, tester, site, await tester.person("ada@example.org"))
        await ada.change()
        await ada.attach(PDF)
        return ada

    async def change(self, **changes: Any) -> None:
        """Save the profile with changes."""
        self.profile = msgspec.structs.replace(self.profile, **changes)
        async with self.database.write("system") as session:
            await save_profile(session, self.id, self.profile)

    async def attach(self, content: bytes | None) -> None:
        async with self.database.write("system") as session:
            await save_resume(session, self.id, document("cv.pdf", content) if content else None)

    async def posting(self, job: str, *, questions: list[dict[str, Any]] | None = None, **changes: Any) -> UUID:
        """A posting whose applications go to that job of the careers site."""
        url = f"{self.site.url}/jobs/{job}"
        values = {
            "id": uuid7(),
            "owner_id": self.id,
            "title": "Engineer",
            "company": "Gantry & Rail",
            "url": url,
            "canonical_url": url,
            "apply_url": f"{url}/apply",
            "source": "test",
            "questions": questions or [],
            **changes,
        }
        async with self.database.write("system") as session:
            session.add(Posting(**values))
        return UUID(str(values["id"]))

    async def apply(self, job: str, **posting: Any) -> UUID:
        """A task that applies for a new posting. Returns the task's id."""
        posting_id = await self.posting(job, **posting)
        return await self.apply_for(posting_id)

    async def apply_for(self, posting_id: UUID) -> UUID:
        return await self.tester.enqueue(KIND, {"posting_id": str(posting_id)}, owner_id=self.id)

    async def approved(self, job: str, **posting: Any) -> UUID:
        """The same, up to the approval."""
        task_id = await self.apply(job, **posting)
        assert await self.tester.run(task_id) == "pending_approval", (await self.tester.task(task_id)).reason
        await self.tester.decide(task_id)
        return task_id

    async def posting_of(self, task_id: UUID) -> Posting:
        payload = (await self.tester.task(task_id)).payload
        async with self.database.read() as session:
            return await session.get_one(Posting, UUID(payload["posting_id"]))

    async def edit_posting(self, task_id: UUID, **values: Any) -> None:
        posting = await self.posting_of(task_id)
        async with self.database.write("system") as session:
            await session.execute(update(Posting).where(Posting.id == posting.id).values(**values))
