"""How quickly people answer: one's own figures, everybody's for administrators, and what time to give a request.

Below five people figures are told for all of them together: of so few each would be known.
"""

from datetime import datetime, timedelta

import msgspec

from holdgate.approvals.figures import queries
from holdgate.approvals.models import Approval
from holdgate.approvals.rules.queries import is_to_come
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import Session
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.stats.histograms import Histogram, add, percentile

FEWEST_PEOPLE = 5
FEWEST = 20  # decisions of a kind, before anything is foretold
MOST = 500  # people on a page
# What a time to decide is rounded up to.
TIMES = tuple(timedelta(minutes=n) for n in (5, 10, 20, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 10080, 20160))


class PersonFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last three months. `person`: an address; "" for all of them together. `median`: of half of the decisions,
    from the email to the decision. `waiting`: open requests."""

    person: str
    decisions: int
    median: timedelta | None
    waiting: int


class KindAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """`group`: "" for people who were named. `most`: the time that nine of ten do not exceed. `suggested`: a time to
    decide that leaves room, from twenty decisions on."""

    kind: str
    group: str
    decisions: int
    median: timedelta
    most: timedelta
    suggested: timedelta | None


class AnswerForecast(msgspec.Struct, frozen=True):
    """When half of the requests of a kind are answered, and what time to give one."""

    median: timedelta
    suggested: timedelta


async def own_figures(session: Session, by: Principal) -> PersonFigures:
    person = canonical_address(by.email)
    found = (await queries.person_times(session, person=person)).get(person, {})
    return _figures(by.email, found, (await queries.open_counts(session, person=person)).get(person, 0))


async def figures_of_people(session: Session) -> list[PersonFigures]:
    """For administrators: who has most open first. One line for all of them together below five people."""
    times, waiting = await queries.person_times(session), await queries.open_counts(session)
    people = times.keys() | waiting.keys()
    if not people:
        return []
    if len(people) < FEWEST_PEOPLE:
        together: Histogram = {}
        for histogram in times.values():
            add(together, histogram.items())
        return [_figures("", together, sum(waiting.values()))]
    found = [_figures(person, times.get(person, {}), waiting.get(person, 0)) for person in people]
    return sorted(found, key=lambda one: (-one.waiting, -one.decisions, one.person))[:MOST]


async def figures_of_kinds(session: Session) -> list[KindAnswers]:
    """By kind and group, the most asked first."""
    found = [_of_kind(kind, group, times) for (kind, group), times in (await queries.times(session)).items()]
    return sorted(found, key=lambda one: (-one.decisions, one.kind, one.group))[:MOST]


async def forecast(session: Session, kind: str) -> AnswerForecast | None:
    """None: too little is known."""
    together: Histogram = {}
    for histogram in (await queries.times(session, kind=kind)).values():
        add(together, histogram.items())
    if not together:
        return None
    found = _of_kind(kind, "", together)
    return AnswerForecast(found.median, found.suggested) if found.suggested else None


async def suggested_ttl(session: Session, kind: str, usual: timedelta) -> timedelta:
    """What time to give a request of a kind; the usual one while too little is known."""
    found = await forecast(session, kind)
    return found.suggested if found else usual


async def likely_by(session: Session, approval: Approval) -> datetime | None:
    """When an open request is likely answered, while that is to come."""
    if approval.state != ApprovalState.PENDING or approval.clock_started_at is None:
        return None
    found = await forecast(session, await queries.kind_of(session, approval.task_id))
    moment = approval.clock_started_at + found.median if found else None
    return moment if moment and await is_to_come(session, moment) else None


def _figures(person: str, times: Histogram, waiting: int) -> PersonFigures:
    median = percentile(times, 0.5)
    return PersonFigures(
        person=person,
        decisions=sum(times.values()),
        median=None if median is None else timedelta(seconds=median),
        waiting=waiting,
    )


def _of_kind(kind: str, group: str, times: Histogram) -> KindAnswers:
    n = sum(times.values())
    most = timedelta(seconds=percentile(times, 0.9) or 0.0)
    return KindAnswers(
        kind=kind,
        group=group,
        decisions=n,
        median=timedelta(seconds=percentile(times, 0.5) or 0.0),
        most=most,
        suggested=_suggested(most) if n >= FEWEST else None,
    )


def _suggested(most: timedelta) -> timedelta:
    """Twice what nine of ten need, as people say times."""
    return next((time for time in TIMES if time >= 2 * most), TIMES[-1])
