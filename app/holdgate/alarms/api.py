"""Alarms for programs: listing, reading, adding, deleting; and muting errors."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.alarms import queries, service
from holdgate.alarms.models import Alarm
from holdgate.alarms.service import AlarmRule
from holdgate.alarms.states import AlarmCondition, AlarmState
from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.text.masking import masked_text
from holdgate.tasks.schemas import Moment

TAG = "Alarms"
EXAMPLE = {"condition": "failures", "kind": "http.request", "count": 10, "minutes": 15}


class AlarmItem(msgspec.Struct, frozen=True, kw_only=True):
    """What its owner is emailed about. `state` is `firing` while the condition holds; `detail` says what made it fire
    the last time, at `fired_at`."""

    id: UUID
    condition: AlarmCondition
    title: str
    kind: str | None
    queue: str | None
    count: int | None
    minutes: int | None
    everyone: bool
    state: AlarmState
    detail: str
    fired_at: Moment | None
    recovered_at: Moment | None
    created_at: Moment


class AlarmList(msgspec.Struct, frozen=True):
    items: list[AlarmItem]


class NewAlarm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`failures` needs `count` and `minutes` and takes a `kind`; `queue_wait` needs `minutes` and takes a `queue`;
    `schedule_missed` needs neither. `everyone`: administrators may watch everybody's."""

    condition: AlarmCondition
    kind: Annotated[str, msgspec.Meta(max_length=200)] = ""
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=service.MOST_FAILURES)] | None = None
    minutes: Annotated[int, msgspec.Meta(ge=1, le=service.LONGEST)] | None = None
    everyone: bool = False


class AlarmDeleted(msgspec.Struct, frozen=True):
    id: UUID


class MutedErrorItem(msgspec.Struct, frozen=True):
    """`error` is the part of a fingerprint behind its colon."""

    error: str
    muted_at: Moment


class MutedErrorList(msgspec.Struct, frozen=True):
    items: list[MutedErrorItem]


class ErrorMuted(msgspec.Struct, frozen=True):
    error: str
    muted: bool


@get("/alarms", scope=Scope.TASKS_READ, tag=TAG, summary="List alarms")
async def list_alarms(user: Principal, read: ReadSession) -> AlarmList:
    """Your own, all there are; a person has at most 20."""
    return AlarmList([_item(each) for each in await queries.list_alarms(read, user.id)])


@get("/alarms/{alarm_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read an alarm")
async def get_alarm(user: Principal, read: ReadSession, alarm_id: UUID) -> AlarmItem:
    return _item(await service.find(read, user, alarm_id))


@post("/alarms", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add an alarm", example=EXAMPLE, also=Scope.TASKS_READ)
async def create_alarm(session: WriteSession, by: Principal, wanted: NewAlarm) -> MutationReply[AlarmItem]:
    """You are emailed once when it fires, until it has recovered. Needs `tasks:read` as well: to be told is to read."""
    made = await service.create(session, by, AlarmRule(**msgspec.structs.asdict(wanted)))
    return MutationReply(_item(await service.find(session, by, made)), 201, f"{PATH}/alarms/{made}")


@post("/alarms/{alarm_id:uuid}/delete", scope=Scope.TASKS_WRITE, tag=TAG, summary="Delete an alarm")
async def delete_alarm(session: WriteSession, by: Principal, alarm_id: UUID) -> AlarmDeleted:
    await service.delete(session, by, alarm_id)
    return AlarmDeleted(alarm_id)


@get("/muted-errors", scope=Scope.TASKS_READ, tag=TAG, summary="List muted errors")
async def list_muted_errors(user: Principal, read: ReadSession) -> MutedErrorList:
    """Those that your alarms do not count, the latest first."""
    return MutedErrorList([MutedErrorItem(each.digest, each.muted_at) for each in await service.muted(read, user)])


@post("/errors/{error:str}/mute", scope=Scope.TASKS_WRITE, tag=TAG, summary="Mute an error")
async def mute_error(session: WriteSession, by: Principal, error: str) -> ErrorMuted:
    """Your alarms count it no more, in any kind."""
    await service.mute(session, by, error)
    return ErrorMuted(error, True)


@post("/errors/{error:str}/unmute", scope=Scope.TASKS_WRITE, tag=TAG, summary="Unmute an error")
async def unmute_error(session: WriteSession, by: Principal, error: str) -> ErrorMuted:
    await service.unmute(session, by, error)
    return ErrorMuted(error, False)


def _item(alarm: Alarm) -> AlarmItem:
    return AlarmItem(
        id=alarm.id,
        condition=AlarmCondition(alarm.condition),
        title=service.describe(alarm),
        kind=alarm.kind,
        queue=alarm.queue,
        count=alarm.count,
        minutes=alarm.minutes,
        everyone=alarm.everyone,
        state=AlarmState(alarm.state),
        detail=masked_text(alarm.detail),
        fired_at=alarm.fired_at,
        recovered_at=alarm.recovered_at,
        created_at=alarm.created_at,
    )


handlers = [
    list_alarms,
    get_alarm,
    create_alarm,
    delete_alarm,
    list_muted_errors,
    mute_error,
    unmute_error,
]
