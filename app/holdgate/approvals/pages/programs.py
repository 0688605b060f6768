"""/settings/ask: how a program asks people: its token, what to copy, a request to try; which programs are trusted."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.accounts.tokens import personal
from holdgate.accounts.tokens.personal import AskingToken
from holdgate.api.router import PATH as API
from holdgate.approvals.figures import answers
from holdgate.approvals.figures.answers import AnswerForecast
from holdgate.approvals.programs import service
from holdgate.approvals.programs.question import KIND
from holdgate.approvals.programs.service import NewRequest
from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

PATH = "/settings/ask"
PLACEHOLDER = "hg_your_token"
TEST_TTL = timedelta(minutes=20)


# As they stand they ask the token's person and wait for up to a minute, or until the decision.
CURL = """\
curl -sS -o asked.json {api} \\
  -H 'Authorization: Bearer {token}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"title": "Deploy 4.2", "show": {{"Version": "4.2"}}}}'
id=$(sed 's/^{{"id":"\\([^"]*\\).*/\\1/' asked.json)
curl -sS "{api}/$id?wait=60" \\
  -H 'Authorization: Bearer {token}'
"""
PYTHON = """\
import json
from urllib.request import Request, urlopen

API = "{api}"
HEADERS = {{
    "Authorization": "Bearer {token}",
    "Content-Type": "application/json",
}}


def call(path="", body=None):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(API + path, data, HEADERS)) as answer:
        return json.load(answer)


asked = call(body={{"title": "Deploy 4.2", "show": {{"Version": "4.2"}}}})
while (found := call(f"/{{asked['id']}}?wait=60"))["state"] == "pending":
    pass
print(found["state"], found["decision"])
"""

# As the clients of MCP take it that read `mcpServers`.
MCP = """\
{{
  "mcpServers": {{
    "holdgate": {{
      "type": "http",
      "url": "{mcp}",
      "headers": {{"Authorization": "Bearer {token}"}}
    }}
  }}
}}
"""


class AskTokenForm(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 90


class TrustForm(msgspec.Struct):
    trusted: bool = False


class AskView(msgspec.Struct, frozen=True, kw_only=True):
    """`made` is the token that was just made, in full; empty otherwise. `programs`: for administrators, everybody's.
    `usual`: the time to decide where none is given."""

    form: Form[AskTokenForm]
    base_url: str
    programs: list[AskingToken]
    usual: timedelta
    forecast: AnswerForecast | None
    made: str = ""

    @property
    def curl(self) -> str:
        return self._filled(CURL)

    @property
    def python(self) -> str:
        return self._filled(PYTHON)

    @property
    def mcp(self) -> str:
        return self._filled(MCP)

    def _filled(self, text: str) -> str:
        given = {"api": f"{self.base_url}{API}/approvals", "mcp": f"{self.base_url}/mcp"}
        return text.format(**given, token=self.made or PLACEHOLDER).rstrip()


@get(PATH, include_in_schema=False)
async def show_ask(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    return await _page(request, read, user)


@post(PATH, include_in_schema=False)
async def create_ask_token(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form: Form[AskTokenForm] = await read_form(request, AskTokenForm)
    if form.data is None:
        return await _page(request, write, user, form=form, status=422)
    lasts = timedelta(days=form.data.days) if form.data.days else None
    try:
        scopes = (Scope.APPROVALS_CREATE,)
        made = await personal.create_token(write, user.id, name=form.data.name, scopes=scopes, lasts=lasts)
    except (Invalid, Conflict) as problem:
        await discard(request)
        refused = problem if isinstance(problem, Invalid) else Invalid(str(problem))
        return await _page(request, write, user, form=form.refused(refused), status=422)
    return await _page(request, write, user, made=made, status=201)


@post(f"{PATH}/test", include_in_schema=False)
async def send_test(request: WebRequest, write: Write, user: SignedIn) -> Response[Any]:
    """A request such as a program would make, put to whoever presses the button."""
    settings: Settings = request.app.state.settings
    wanted = NewRequest(
        title="Try out Holdgate",
        show={"What happens": "Nothing: this is a test.", "What you see": "A request as a program’s would look."},
        recipients=[user.email],
        ttl=TEST_TTL,
    )
    asked = await service.ask(write, user, wanted, settings)
    return see_other(request, f"/approvals/{asked.approval.id}", f"Sent to {user.email}. You can also decide here.")


@post(f"{PATH}/{{token_id:uuid}}/trust", include_in_schema=False)
async def trust(request: WebRequest, write: Write, user: SignedIn, token_id: FromPath[UUID]) -> Response[Any]:
    form: Form[TrustForm] = await read_form(request, TrustForm)
    trusted = form.data is not None and form.data.trusted
    await personal.trust_token(write, user, token_id, trusted=trusted)
    said = "Links in its requests are clickable now." if trusted else "Links in its requests are plain text again."
    return see_other(request, f"{PATH}#programs", said)


async def _page(
    request: WebRequest,
    session: Session,
    user: Principal,
    *,
    form: Form[AskTokenForm] | None = None,
    made: str = "",
    status: int = 200,
) -> Response[str]:
    settings: Settings = request.app.state.settings
    view = AskView(
        form=form or blank({"name": "", "days": "90"}),
        base_url=settings.base_url,
        usual=settings.approval_ttl,
        forecast=await answers.forecast(session, KIND),
        programs=await personal.asking_tokens(session) if user.is_admin else [],
        made=made,
    )
    return await render(request, "approvals/ask.html", view, nav="settings", status=status)


handlers: list[HTTPRouteHandler] = [show_ask, create_ask_token, send_test, trust]
