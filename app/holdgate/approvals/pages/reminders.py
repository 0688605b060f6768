"""POST /runs/{run}/remind: whoever waits for somebody reminds them, from the page of the run."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from holdgate.approvals.pages.side_actions import DETOURS
from holdgate.approvals.requests import reminding
from holdgate.core.errors import Invalid
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import see_other


class ReminderForm(msgspec.Struct, frozen=True):
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=320)]


@post("/runs/{run_id:uuid}/remind")
async def remind(request: WebRequest, user: SignedIn, write: Write, run_id: FromPath[UUID]) -> Response[Any]:
    form = await read_form(request, ReminderForm)
    if form.data is None:
        raise Invalid("Choose whom to remind.", dict(form.errors))
    await request.app.state.limits.hit(DETOURS, user.email)
    n = await reminding.remind_of_run(write, user, run_id, form.data.email)
    requests = f"{n} {'request' if n == 1 else 'requests'}"
    return see_other(request, f"/runs/{run_id}", f"{form.data.email} is reminded of {requests}.")


handlers = [remind]
