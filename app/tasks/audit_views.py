"""Who did what: the log of all tasks, for administrators."""

import msgspec
from litestar import Response, get
from litestar.params import FromQuery

from app.core.paging import PAGE
from app.tasks import reads
from app.tasks.models import TaskEvent
from app.tasks.reads import EventFilter
from app.tasks.states import TaskVerb
from app.tasks.views import query_of
from app.web.guards import SignedIn, admin_only
from app.web.render import render
from app.web.request import WebRequest
from app.web.sessions import Read


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    events: list[tuple[TaskEvent, str]]
    wanted: EventFilter
    verbs: list[str]
    next_url: str | None
    first_url: str | None


@get("/admin/audit", guards=[admin_only])
async def show_audit(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    actor: FromQuery[str] = "",
    verb: FromQuery[str] = "",
    before: FromQuery[int | None] = None,
) -> Response[str]:
    wanted = EventFilter(actor=actor.strip(), verb=verb)
    events = await reads.list_events(read, wanted, before, PAGE + 1)
    shown = events[:PAGE]
    here = "/admin/audit" + query_of(wanted)
    last = str(shown[-1][0].id) if len(events) > PAGE else ""
    view = AuditPage(
        events=shown,
        wanted=wanted,
        verbs=["enqueue", *(each.value for each in TaskVerb), "delete"],
        next_url="/admin/audit" + query_of(wanted, before=last) if last else None,
        first_url=here if before is not None else None,
    )
    return await render(request, "tasks/audit.html", view, nav="audit")


handlers = [show_audit]
