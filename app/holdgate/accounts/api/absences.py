"""Absences for programs: one's own, and everybody's for administrators."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.accounts import service
from holdgate.accounts.availability import absences, queries
from holdgate.accounts.errors import UserNotFound
from holdgate.accounts.models import Absence
from holdgate.api.idempotency import MutationReply
from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.schemas import Moment

TAG = "Absence"
EXAMPLE = {
    "starts_at": "2030-08-01T00:00:00Z",
    "ends_at": "2030-08-15T00:00:00Z",
    "substitute": "bob@example.org",
}


class AbsenceItem(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which somebody is away. `substitute`: who is asked in their place, if anybody."""

    id: UUID
    starts_at: Moment
    ends_at: Moment
    substitute: str | None


class AbsenceList(msgspec.Struct, frozen=True):
    items: list[AbsenceItem]


class NewAbsence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ends_at` is the moment from which they are there again."""

    starts_at: Moment
    ends_at: Moment
    substitute: Annotated[str, msgspec.Meta(max_length=254)] = ""


class DeletedAbsence(msgspec.Struct, frozen=True):
    id: UUID


@get("/account/absences", scope=Scope.TASKS_READ, tag=TAG, summary="List your absences")
async def list_own(user: Principal, read: ReadSession) -> AbsenceList:
    """Those that are not over, the next first."""
    return await _list(read, user.id)


@post("/account/absences", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add an absence", example=EXAMPLE)
async def add_own(session: WriteSession, by: Principal, wanted: NewAbsence) -> MutationReply[AbsenceItem]:
    """New requests go to the substitute meanwhile; open ones stay with whom they asked. The substitute is not used who
    is away as well, started the task, is asked already, or has no access here, which is not told."""
    return await _add(session, by.id, wanted)


@post("/account/absences/{absence_id:uuid}/delete", scope=Scope.TASKS_WRITE, tag=TAG, summary="Delete an absence")
async def delete_own(session: WriteSession, by: Principal, absence_id: UUID) -> DeletedAbsence:
    await absences.delete_absence(session, by.id, absence_id)
    return DeletedAbsence(absence_id)


@get("/users/{user_id:uuid}/absences", scope=Scope.ADMIN, tag=TAG, summary="List a person's absences")
async def list_theirs(user: Principal, read: ReadSession, user_id: UUID) -> AbsenceList:
    """Those that are not over, the next first."""
    if await service.find_user(read, user_id) is None:
        raise UserNotFound
    return await _list(read, user_id)


@post(
    "/users/{user_id:uuid}/absences",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Add an absence of a person",
    example=EXAMPLE,
)
async def add_theirs(session: WriteSession, wanted: NewAbsence, user_id: UUID) -> MutationReply[AbsenceItem]:
    """For somebody who has gone without saying so."""
    return await _add(session, user_id, wanted)


@post(
    "/users/{user_id:uuid}/absences/{absence_id:uuid}/delete",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Delete an absence of a person",
)
async def delete_theirs(session: WriteSession, user_id: UUID, absence_id: UUID) -> DeletedAbsence:
    await absences.delete_absence(session, user_id, absence_id)
    return DeletedAbsence(absence_id)


async def _list(session: Session, user_id: UUID) -> AbsenceList:
    return AbsenceList([_item(each) for each in await queries.absences_of(session, user_id)])


async def _add(session: WriteSession, user_id: UUID, wanted: NewAbsence) -> MutationReply[AbsenceItem]:
    made = await absences.add_absence(session, user_id, wanted.starts_at, wanted.ends_at, wanted.substitute)
    return MutationReply(_item(await session.get_one(Absence, made)), 201)


def _item(row: Absence) -> AbsenceItem:
    return msgspec.convert(row, AbsenceItem, from_attributes=True)


handlers = [list_own, add_own, delete_own, list_theirs, add_theirs, delete_theirs]
