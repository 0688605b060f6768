"""What is done at once with the tasks that are selected on a page, and undoing that; without JavaScript as well."""

from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath, QueryParameter

from holdgate.bulk import service
from holdgate.bulk.errors import NothingMatches
from holdgate.bulk.models import BulkAction
from holdgate.bulk.states import OPEN, BulkVerb
from holdgate.bulk.undoing import undo, undo_of
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.text.verbs import past
from holdgate.tasks.search.parameters import parse_filter
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write, discard
from holdgate.web.render import see_other

# The query of the list that the page was on.
InList: TypeAlias = Annotated[str, QueryParameter(name="list")]
MOST_QUERY = 1000  # characters of it; a longer one is not gone back to
AT_ONCE = (BulkVerb.RETRY, BulkVerb.RESUME, BulkVerb.CANCEL)  # there is nothing more to say about them


@post("/bulk/selected/{verb:str}")
async def act_on_selected(
    request: WebRequest, user: SignedIn, write: Write, verb: FromPath[str], shown: InList = ""
) -> Response[Any]:
    """What is selected on a page, at once and back to that page. Where something leads back, undo is offered."""
    if verb not in AT_ONCE:
        raise NotFound(f"Unknown action: {verb!r}.")
    form = await request.form()
    ids = [("id", str(id)) for id in form.getall("id", [])]
    try:
        if not ids:
            raise Invalid("No task is selected. Select some first.")
        started = await service.start_bulk(write, user, BulkVerb(verb), parse_filter(ids).good())
    except Invalid as refusal:
        await discard(request)
        none = f"None of the selected tasks can be {past(verb)} now."
        said = none if isinstance(refusal, NothingMatches) else str(refusal)
        return see_other(request, _list(shown), said, level="warning")
    action = await service.carry_out(write, user, started)
    left = len(ids) - action.done
    said = f"{_tasks(action.done)} {past(verb)}." + (f" {left} can’t be {past(verb)} now." if left else "")
    return await _went_on(request, write, action, said, shown)


@post("/bulk/{action_id:uuid}/undo")
async def undo_at_once(
    request: WebRequest, user: SignedIn, write: Write, action_id: FromPath[UUID], shown: InList = ""
) -> Response[Any]:
    action = await service.carry_out(write, user, await undo(write, user, action_id))
    return await _went_on(request, write, action, f"Undone for {_tasks(action.done)}.", shown, undoable=False)


async def _went_on(
    request: WebRequest, session: WriteSession, action: BulkAction, said: str, shown: str, *, undoable: bool = True
) -> Response[Any]:
    """Back to the list; to the action's own page while it is not over."""
    if action.state in OPEN:
        return see_other(request, f"/bulk/{action.id}")
    back = undoable and await undo_of(session, action) is not None
    way = f"/bulk/{action.id}/undo?{urlencode({'list': shown})}" if back else ""
    return see_other(request, _list(shown), said, undo=way)


def _list(shown: str) -> str:
    return f"/tasks?{shown}" if 0 < len(shown) <= MOST_QUERY else "/tasks"


def _tasks(n: int) -> str:
    return "1 task" if n == 1 else f"{n:,} tasks"


handlers = [act_on_selected, undo_at_once]
