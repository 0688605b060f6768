"""/settings/alarms: a person's alarms, a form for another one, and the errors that they have muted."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.alarms import queries, service
from holdgate.alarms.models import Alarm
from holdgate.alarms.service import AlarmRule
from holdgate.alarms.states import AlarmCondition, AlarmState
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text
from holdgate.stats.failures import messages_of
from holdgate.tasks.kinds import all_kinds
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

PATH = "/settings/alarms"
LABELS = (
    (AlarmCondition.FAILURES.value, "Failures", "So many attempts of a kind fail within so many minutes."),
    (AlarmCondition.QUEUE_WAIT.value, "Waiting time", "The oldest queued task waits longer than so many minutes."),
    (AlarmCondition.SCHEDULE_MISSED.value, "Missed schedule", "A schedule is overdue by five minutes, or skips a run."),
)
START = {"condition": AlarmCondition.FAILURES.value, "count": 10, "minutes": 15}


class AlarmForm(msgspec.Struct):
    condition: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    kind: Annotated[str, msgspec.Meta(max_length=200)] = ""
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""
    count: int | None = None
    minutes: int | None = None
    everyone: bool = False


class AlarmRow(msgspec.Struct, frozen=True):
    alarm: Alarm
    title: str
    state: str
    detail: str


class MutedError(msgspec.Struct, frozen=True):
    digest: str
    said: str


class AlarmsPage(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[AlarmRow]
    muted: list[MutedError]
    form: Form[AlarmForm]
    kinds: list[str]
    conditions: tuple[tuple[str, str, str], ...] = LABELS


@get(PATH, include_in_schema=False)
async def show_alarms(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    return await _page(request, read, user, blank(START))


@post(PATH, include_in_schema=False)
async def create_alarm(request: WebRequest, user: SignedIn, write: Write) -> Response[str]:
    form: Form[AlarmForm] = await read_form(request, AlarmForm)
    if form.data is not None:
        try:
            await service.create(write, user, AlarmRule(**msgspec.structs.asdict(form.data)))
            return see_other(request, PATH, "Alarm added.")
        except Invalid as problem:
            form = form.refused(problem)
    return await _page(request, write, user, form, 422)


@post(PATH + "/{alarm_id:uuid}/delete", include_in_schema=False)
async def delete_alarm(request: WebRequest, user: SignedIn, write: Write, alarm_id: FromPath[UUID]) -> Response[str]:
    await service.delete(write, user, alarm_id)
    return see_other(request, PATH, "Alarm deleted.")


async def _page(
    request: WebRequest, session: Session, user: Principal, form: Form[AlarmForm], status: int = 200
) -> Response[str]:
    alarms = await queries.list_alarms(session, user.id)
    view = AlarmsPage(
        rows=[AlarmRow(each, service.describe(each), _state(each), masked_text(each.detail)) for each in alarms],
        muted=[MutedError(digest, said) for digest, said in (await _muted(session, user)).items()],
        form=form,
        kinds=sorted(kind.name for kind in all_kinds()),
    )
    return await render(request, "alarms/list.html", view, nav="alarms", status=status)


async def _muted(session: Session, user: Principal) -> dict[str, str]:
    """Digest → what the error said the last time, where that is still known."""
    digests = [each.digest for each in await service.muted(session, user)]
    said = await messages_of(session, digests, user.scope) if digests else {}
    return {digest: masked_text(said.get(digest, "")) for digest in digests}


def _state(alarm: Alarm) -> str:
    return "failing" if alarm.state == AlarmState.FIRING else "enabled"


handlers: list[HTTPRouteHandler] = [show_alarms, create_alarm, delete_alarm]
