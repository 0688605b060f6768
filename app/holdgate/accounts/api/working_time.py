"""One's working time for programs."""

from datetime import time
from typing import Annotated

import msgspec

from holdgate.accounts.availability import working_times
from holdgate.accounts.availability.working_hours import Weekday, WorkingHours
from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope

TAG = "Absence"


class WorkingTimeItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`days`: 1 is Monday. `quiet`: no reminders at other times, but for urgent requests. `holidays`: the country whose
    public holidays are no working days, or a part of it (`DE`, `DE-BY`); needs `holdgate[holidays]` on the server."""

    days: Annotated[list[Weekday], msgspec.Meta(min_length=1, max_length=7)]
    starts: time
    ends: time
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    quiet: bool = False
    holidays: Annotated[str, msgspec.Meta(max_length=6)] = ""


EXAMPLE = {"days": [1, 2, 3, 4], "starts": "09:00:00", "ends": "17:00:00", "zone": "Europe/Berlin", "quiet": True}


@get("/account/working-time", scope=Scope.TASKS_READ, tag=TAG, summary="Get your working time")
async def read_working_time(user: Principal, read: ReadSession) -> WorkingTimeItem:
    """Monday to Friday from nine to five, until another one is chosen."""
    return _item(await working_times.own_hours(read, user.id))


@post("/account/working-time", scope=Scope.TASKS_WRITE, tag=TAG, summary="Update your working time", example=EXAMPLE)
async def change_working_time(session: WriteSession, by: Principal, wanted: WorkingTimeItem) -> WorkingTimeItem:
    """Requests whose time runs keep their deadlines."""
    hours = WorkingHours(
        days=tuple(sorted(set(wanted.days))),
        starts=wanted.starts.replace(tzinfo=None),
        ends=wanted.ends.replace(tzinfo=None),
        zone=wanted.zone,
        quiet=wanted.quiet,
        holidays=wanted.holidays,
    )
    await working_times.choose_hours(session, by.id, hours)
    return _item(hours)


def _item(hours: WorkingHours) -> WorkingTimeItem:
    return WorkingTimeItem(**{**msgspec.structs.asdict(hours), "days": list(hours.days)})


handlers = [read_working_time, change_working_time]
