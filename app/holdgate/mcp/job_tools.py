"""The tools about job applications: adding a posting, seeing what came of applications. None of them sends anything."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdgate.client.asynchronous import AsyncClient

MOST_LISTED = 50
Short = Annotated[str, Meta(min_length=1, max_length=300)]


class AddPosting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Add a job posting to a person's list. Nobody is applied to: the person starts that, and approves each
    application. A posting whose address is known stays as it is."""

    title: Short
    company: Short
    url: Annotated[str, Meta(min_length=1, max_length=2000, description="Of the page that a person reads.")]
    location: Annotated[str, Meta(max_length=300)] = ""
    apply_url: Annotated[str, Meta(max_length=2000, description="Where applications go: an address or a mailto.")] = ""
    description: Annotated[str, Meta(max_length=200_000, description="The text; may be HTML.")] = ""


class AddedPosting(msgspec.Struct, frozen=True, kw_only=True):
    """`known`: it was there before."""

    id: str
    known: bool


class ListApplications(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """List the person's job applications and what came of them, newest first."""

    status: Annotated[
        Literal["prepared", "put_aside", "sent", "replied", "interview", "offer", "rejected", "no_answer"] | None,
        Meta(description="Only those that stand so."),
    ] = None
    q: Annotated[str, Meta(max_length=200, description="A part of the title, the company or the contact.")] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST_LISTED)] = 20


class ListedJob(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    company: str
    status: str
    sent_at: str | None = None
    contact: str = ""
    notes: str = ""


class ApplicationsFound(msgspec.Struct, frozen=True):
    applications: list[ListedJob]


async def add_posting(hold: AsyncClient, sent: AddPosting) -> AddedPosting:
    return msgspec.convert(await hold.post("/postings", msgspec.structs.asdict(sent)), AddedPosting)


async def list_applications(hold: AsyncClient, sent: ListApplications) -> ApplicationsFound:
    filters = {name: value for name, value in msgspec.structs.asdict(sent).items() if value}
    page = await hold.get("/applications", filters)
    return ApplicationsFound(msgspec.convert(page["items"], list[ListedJob]))
