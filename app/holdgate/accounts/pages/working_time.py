"""/settings/working-time: at which days and hours somebody works, and whether reminders come at others."""

from datetime import time
from typing import Annotated

import msgspec
from litestar import Response, get, post

from holdgate.accounts.availability import working_times
from holdgate.accounts.availability.working_hours import DAYS, Weekday, WorkingHours
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text import zones
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

PATH = "/settings/working-time"
Clock = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class WorkingTimeForm(msgspec.Struct):
    starts: Clock
    ends: Clock
    zone: Annotated[str, msgspec.Meta(max_length=60)]
    days: list[Weekday] = []
    quiet: bool = False
    holidays: Annotated[str, msgspec.Meta(max_length=6)] = ""


class WorkingTimeView(msgspec.Struct, frozen=True, kw_only=True):
    form: Form[WorkingTimeForm]
    days: tuple[tuple[str, str], ...] = tuple((str(number), name) for number, name in enumerate(DAYS, 1))
    zones: tuple[str, ...] = zones.names()


@get(PATH, include_in_schema=False)
async def show(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    return await _page(request, read, user)


@post(PATH, include_in_schema=False)
async def save(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, WorkingTimeForm)
    if form.data is None:
        return await _page(request, write, user, form)
    try:
        await working_times.choose_hours(write, user.id, _hours(form.data))
    except Invalid as problem:
        return await _page(request, write, user, form.refused(problem))
    return see_other(request, PATH, "Saved. Requests whose time runs keep their deadlines.")


def _hours(sent: WorkingTimeForm) -> WorkingHours:
    starts, ends = time.fromisoformat(sent.starts), time.fromisoformat(sent.ends)
    return WorkingHours(
        days=tuple(sorted(set(sent.days))),
        starts=starts,
        ends=ends,
        zone=sent.zone,
        quiet=sent.quiet,
        holidays=sent.holidays.strip().upper(),
    )


async def _page(
    request: WebRequest, session: Session, user: Principal, form: Form[WorkingTimeForm] | None = None
) -> Response[str]:
    if form is None:
        hours = await working_times.own_hours(session, user.id)
        form = blank(
            {
                "days": [str(day) for day in hours.days],
                "starts": f"{hours.starts:%H:%M}",
                "ends": f"{hours.ends:%H:%M}",
                "zone": hours.zone,
                "quiet": hours.quiet,
                "holidays": hours.holidays,
            }
        )
    status = 422 if form.errors else 200
    return await render(
        request, "accounts/working_time.html", WorkingTimeView(form=form), nav="settings", status=status
    )


handlers = [show, save]
