"""/approvals/people: how many requests wait for you and how long you take; for administrators everybody's."""

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdgate.approvals.figures import answers
from holdgate.approvals.figures.answers import KindAnswers, PersonFigures
from holdgate.core.config import Settings
from holdgate.core.errors import NotFound
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render


class AnswersView(msgspec.Struct, frozen=True, kw_only=True):
    """`people` and `kinds` are for administrators."""

    own: PersonFigures
    people: list[PersonFigures]
    kinds: list[KindAnswers]
    fewest: int = answers.FEWEST_PEOPLE


@get("/approvals/people", include_in_schema=False)
async def show_answers(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    settings: Settings = request.app.state.settings
    if not settings.people_figures:
        raise NotFound("Response times are turned off here (PEOPLE_FIGURES).")
    view = AnswersView(
        own=await answers.own_figures(read, user),
        people=await answers.figures_of_people(read) if user.is_admin else [],
        kinds=await answers.figures_of_kinds(read) if user.is_admin else [],
    )
    return await render(request, "approvals/answers.html", view, nav="answers")


handlers: list[HTTPRouteHandler] = [show_answers]
