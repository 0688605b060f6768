"""Postings as programs read and write them."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged, unpaged
from holdgate.postings.channels import Channel
from holdgate.postings.duplicates.queries import LikelySame, PostingAddress
from holdgate.postings.queries import Listed, Search
from holdgate.postings.service import MOST, Material, PostingView
from holdgate.tasks.schemas import Moment


class PostingItem(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    title: str
    company: str
    location: str
    channel: Annotated[Channel, msgspec.Meta(description="How an application is sent: by us, or by hand.")]
    created_at: Moment
    applied_at: Moment | None
    applied_task_id: UUID | None


class LikelyPosting(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    company: str
    location: str
    url: str
    applied_at: Moment | None


class OtherAddress(msgspec.Struct, frozen=True):
    """`id` is that of the posting which it was."""

    id: UUID
    url: str
    source: str


class PostingDetail(PostingItem, frozen=True, kw_only=True):
    """A posting. `description` is sanitised HTML; `addresses` are the others that it has; `likely_same` are postings
    that may be the same, which a person confirms."""

    url: str
    apply_url: str
    channel_reason: str
    description: str
    external_id: str
    source: str
    questions: list[dict[str, Any]]
    extra: dict[str, str]
    valid_through: date | None
    closed: bool
    archived_at: Moment | None
    edited_at: Moment | None
    resume_id: UUID | None
    letter: str
    addresses: list[OtherAddress]
    likely_same: list[LikelyPosting]


class PostingActed(msgspec.Struct, frozen=True):
    id: UUID


class PostingPage(ListPart, frozen=True, kw_only=True):
    items: list[PostingItem]


class PostingQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""

    q: Annotated[str, msgspec.Meta(max_length=200, description="Words of title, company and location.")] = ""
    applied: bool | None = None
    closed: bool | None = None
    archived: Annotated[bool | None, msgspec.Meta(description="Without it: those that are not.")] = None
    likely_same: Annotated[bool, msgspec.Meta(description="Only those that may be the same as another one.")] = False


PostingExportQuery = unpaged(PostingQuery, "PostingExportQuery")


def search_of(wanted: Any) -> Search:
    """What a PostingQuery, or a PostingExportQuery, asks for."""
    return Search(wanted.q, wanted.applied, wanted.closed, bool(wanted.archived), wanted.likely_same)


class CreatedPosting(msgspec.Struct, frozen=True):
    """`known`: one with this address was there. It has the text of this one now, unless it was applied to or edited."""

    id: UUID
    url: str
    known: bool


class ChosenPostings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Postings to apply to: those named, and with `matching` all not yet applied to that have these words (empty: all).

    What has been applied to, or is in the course of it, is left out, unless `again`. `resume_id` and `letter` (a name)
    are chosen for these applications; else those of the posting, or the usual ones, go with them.
    """

    postings: Annotated[list[UUID], msgspec.Meta(max_length=MOST)] = []
    matching: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    again: bool = False
    resume_id: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""

    @property
    def material(self) -> Material:
        return Material(self.resume_id, self.letter)


class NewApplications(ChosenPostings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run of applications: a task for each posting."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ApplicationsAdded(msgspec.Struct, frozen=True):
    """How many tasks were made, and how many of the chosen postings were left out."""

    id: UUID
    url: str
    tasks: int
    skipped: int


def item(row: Listed) -> PostingItem:
    return PostingItem(**_plain(row))


def detail(view: PostingView, addresses: list[PostingAddress], likely: list[LikelySame]) -> PostingDetail:
    return PostingDetail(
        **_plain(view),
        url=view.url,
        apply_url=view.apply_url,
        channel_reason=view.way.reason,
        description=view.description,
        external_id=view.external_id,
        source=view.source,
        questions=msgspec.to_builtins(view.questions),
        extra=view.extra,
        valid_through=view.valid_through,
        closed=view.closed,
        archived_at=view.archived_at,
        edited_at=view.edited_at,
        resume_id=view.resume_id,
        letter=view.letter,
        addresses=[OtherAddress(*each) for each in addresses],
        likely_same=[LikelyPosting(*each) for each in likely],
    )


def _plain(row: Listed | PostingView) -> dict[str, Any]:
    return {name: getattr(row, name) for name in PostingItem.__struct_fields__}
