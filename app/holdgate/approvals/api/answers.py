"""How quickly people answer, for programs: your own figures, everybody's for administrators, and the forecast."""

from typing import Annotated

import msgspec

from holdgate.api.routes import get
from holdgate.api.signatures import Query
from holdgate.approvals.figures import answers
from holdgate.approvals.figures.answers import PersonFigures
from holdgate.core.config import Settings
from holdgate.core.db import ReadSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest

TAG = "Approvals"


class PersonAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last three months. `person`: an address; empty for all of them together, below five people.
    `waiting`: open requests."""

    person: str
    decisions: int
    median_seconds: float | None
    waiting: int


class PeopleAnswers(msgspec.Struct, frozen=True):
    items: list[PersonAnswers]


class ForecastQuery(msgspec.Struct, frozen=True, kw_only=True):
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="The kind of the tasks that ask.")]


class ForecastItem(msgspec.Struct, frozen=True, kw_only=True):
    """Within which time half of the decisions of a kind are made, and what `ttl` to give a request: twice what nine of
    ten decisions needed. Null below twenty decisions."""

    kind: str
    median_seconds: float | None
    suggested_ttl_seconds: float | None


@get("/approvals/people", scope=Scope.TASKS_READ, tag=TAG, summary="Read how quickly people answer")
async def read_people(request: WebRequest, user: Principal, read: ReadSession) -> PeopleAnswers:
    """Your own figures; with the scope `admin` everybody's. 404 where the setting PEOPLE_FIGURES is off."""
    settings: Settings = request.app.state.settings
    if not settings.people_figures:
        raise NotFound("Response times are turned off here (PEOPLE_FIGURES).")
    found = await answers.figures_of_people(read) if user.is_admin else [await answers.own_figures(read, user)]
    return PeopleAnswers([_item(one) for one in found])


@get("/approvals/forecast", scope=Scope.TASKS_READ, tag=TAG, summary="Read when requests of a kind are likely answered")
async def read_forecast(user: Principal, read: ReadSession, wanted: Query[ForecastQuery]) -> ForecastItem:
    """By what people needed so far, of whom none is named."""
    found = await answers.forecast(read, wanted.kind)
    return ForecastItem(
        kind=wanted.kind,
        median_seconds=found.median.total_seconds() if found else None,
        suggested_ttl_seconds=found.suggested.total_seconds() if found else None,
    )


def _item(one: PersonFigures) -> PersonAnswers:
    median = None if one.median is None else one.median.total_seconds()
    return PersonAnswers(person=one.person, decisions=one.decisions, median_seconds=median, waiting=one.waiting)


handlers = [read_people, read_forecast]
