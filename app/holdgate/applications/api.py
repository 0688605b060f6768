"""Applications for programs: what became of them, and what a person would say of one."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response

from holdgate.api.exports import export_routes
from holdgate.api.paging import ListPart, Paged, page, position, unpaged
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.applications import exports, queries, service
from holdgate.applications.copies import PastStatus
from holdgate.applications.queries import ApplicationSearch, ListedApplication
from holdgate.applications.service import MOST_LINE, MOST_NOTES
from holdgate.applications.states import ApplicationChannel, ApplicationStatus
from holdgate.core.db import ReadSession, Session, WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings import service as postings
from holdgate.postings.service import MOST
from holdgate.tasks.schemas import Moment
from holdgate.web.http.request import WebRequest

TAG = "Applications"
ID = "0199a8e4-0000-7000-8000-000000000009"
Line = Annotated[str, msgspec.Meta(max_length=MOST_LINE)]


class ApplicationItem(msgspec.Struct, frozen=True, kw_only=True):
    """An application. `receipt` is the employer's word for it; `reason` is why it was put aside."""

    id: UUID
    posting_id: UUID | None
    task_id: UUID | None
    title: str
    company: str
    location: str
    url: str
    channel: ApplicationChannel
    status: ApplicationStatus
    status_at: Moment
    sent_at: Moment | None
    receipt: str
    reason: str
    contact: str
    notes: str
    follow_up_at: Moment | None
    created_at: Moment


class ApplicationDetail(ApplicationItem, frozen=True, kw_only=True):
    """`copy` is what was prepared, and once it is sent exactly what was sent; null for one that was made elsewhere."""

    copy: dict[str, Any] | None
    history: list[PastStatus]


class ApplicationPage(ListPart, frozen=True, kw_only=True):
    items: list[ApplicationItem]


class ApplicationQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""

    q: Annotated[str, msgspec.Meta(max_length=200, description="A part of title, company or contact.")] = ""
    status: ApplicationStatus | None = None


ApplicationExportQuery = unpaged(ApplicationQuery, "ApplicationExportQuery")


class ApplicationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    status: ApplicationStatus | None = None
    contact: Line | None = None
    notes: Annotated[str, msgspec.Meta(max_length=MOST_NOTES)] | None = None


class FollowUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On the morning of that day, UTC, a task asks what came of it; null: not any more."""

    day: date | None


class HandedOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    confirmation: Line = ""


class PutAside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_LINE)]


class AppliedElsewhere(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at`: when; without it now."""

    postings: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MOST)]
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class UnmarkedPosting(msgspec.Struct, frozen=True):
    id: UUID


class MarkedPostings(msgspec.Struct, frozen=True):
    """How many had not been applied to."""

    marked: int


@get("/applications", scope=Scope.TASKS_READ, tag=TAG, summary="List applications")
async def list_applications(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[ApplicationQuery]
) -> Response[ApplicationPage]:
    """Newest first."""
    search = ApplicationSearch(wanted.q, wanted.status)
    rows = await queries.list_applications(read, user.scope, search, wanted.limit + 1, place=position(wanted))
    total = await queries.count_applications(read, user.scope, search)
    return page(request, ApplicationPage, rows, wanted, _item, lambda row: Cursor(row.created_at, row.id), total)


@get("/applications/{application_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Get an application")
async def get_application(user: Principal, read: ReadSession, application_id: UUID) -> ApplicationDetail:
    return await _loaded(read, user, application_id)


@post(
    "/applications/{application_id:uuid}",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Record what came of an application",
    example={"status": "interview", "notes": "Tuesday at ten."},
    problems=(409,),
)
async def change_application(
    session: WriteSession, by: Principal, application_id: UUID, wanted: ApplicationChange
) -> ApplicationDetail:
    """Its status, its contact and its notes; a status only of one that has been sent."""
    if wanted.status is not None:
        await service.record(session, by, application_id, wanted.status)
    if wanted.contact is not None or wanted.notes is not None:
        await service.note(session, by, application_id, contact=wanted.contact, notes=wanted.notes)
    return await _loaded(session, by, application_id)


@post(
    "/applications/{application_id:uuid}/follow-up",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Set a reminder of an application",
    example={"day": "2030-01-31"},
    problems=(409,),
)
async def follow_up(session: WriteSession, by: Principal, application_id: UUID, wanted: FollowUp) -> ApplicationDetail:
    await service.follow_up(session, by, application_id, wanted.day)
    return await _loaded(session, by, application_id)


@post(
    "/applications/{application_id:uuid}/sent",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Record that an application was sent by hand",
    example={"confirmation": "C-17"},
    problems=(409,),
)
async def record_sent(
    session: WriteSession, by: Principal, application_id: UUID, wanted: HandedOff
) -> ApplicationDetail:
    """Its task ends with that as its receipt, whatever it waits for."""
    await service.record_sent_by_hand(session, by, application_id, wanted.confirmation)
    return await _loaded(session, by, application_id)


@post(
    "/applications/{application_id:uuid}/not-sent",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Put an application aside",
    example={"reason": "The form is gone."},
    problems=(409,),
)
async def put_aside(session: WriteSession, by: Principal, application_id: UUID, wanted: PutAside) -> ApplicationDetail:
    """It could not be sent. Retry its task to take it up again."""
    await service.put_aside(session, by, application_id, wanted.reason)
    return await _loaded(session, by, application_id)


@post(
    "/postings/applied",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Mark postings as applied elsewhere",
    example={"postings": [ID]},
    problems=(404,),
)
async def mark_applied(session: WriteSession, by: Principal, wanted: AppliedElsewhere) -> MarkedPostings:
    """Runs leave them out from now on, and each has an application that was made elsewhere."""
    return MarkedPostings(await postings.mark_applied_elsewhere(session, by, wanted.postings, at=wanted.at))


@post(
    "/postings/{posting_id:uuid}/not-applied",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Undo that a posting was applied to elsewhere",
    problems=(409,),
)
async def unmark_applied(session: WriteSession, by: Principal, posting_id: UUID) -> UnmarkedPosting:
    """Its application that was made elsewhere goes with its reminder. What a task has sent can’t be undone."""
    await service.take_back_elsewhere(session, by, posting_id)
    return UnmarkedPosting(posting_id)


async def _loaded(session: Session, by: Principal, application_id: UUID) -> ApplicationDetail:
    found = await service.load(session, application_id, by.scope)
    return msgspec.convert(found, ApplicationDetail, from_attributes=True)


def _item(row: ListedApplication) -> ApplicationItem:
    return msgspec.convert(row._asdict(), ApplicationItem)


handlers = [
    list_applications,
    get_application,
    change_application,
    follow_up,
    record_sent,
    put_aside,
    mark_applied,
    unmark_applied,
    *export_routes(
        "applications",
        exports.COLUMNS,
        lambda database, by, wanted: exports.rows(database, by.scope, ApplicationSearch(wanted.q, wanted.status)),
        query=ApplicationExportQuery,
        scope=Scope.TASKS_READ,
        tag=TAG,
        order="newest first",
    ),
]
