"""Which tasks: one filter for lists, bulk actions, exports and the API, as one table of fields.

A field of `TaskFilter` says all there is to know of a condition: how it is read and written, its SQL, what pages,
sentences and the API call it. A new one is an entry here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from sqlalchemy import ColumnElement, and_, true

from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task
from holdgate.tasks.search import conditions as sql
from holdgate.tasks.search.fields import FilterField
from holdgate.tasks.search.values import (
    EARLIEST,
    ONLY,
    WITH,
    checked,
    parse_age,
    parse_fingerprints,
    parse_id,
    parse_mail,
    parse_owner,
    parse_payload,
    parse_standing,
)
from holdgate.tasks.states import STANDINGS

MOST_IDS = 1000
# A dead letter that has been dealt with stands apart in the log and in the counts.
Standing = Annotated[str, Meta(extra_json_schema={"enum": [str(standing) for standing in STANDINGS]})]


def _age(label: str, about: str, words: str, condition: Callable[[str], ColumnElement[bool]]) -> FilterField:
    return FilterField(
        label=label,
        words=lambda age: f"{words} {age}{' ago' if isinstance(parse_age(age), timedelta) else ''}",
        about=f"{about}: a time, or how long ago: `2h`.",
        read=checked(parse_age),
        age=True,
        condition=condition,
        most=100,
        place="times",
        hint="e.g. 2h, 7d, 2026-11-29",
        particular=False,
    )


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks; empty values do not filter. Made by `parse_filter`, or in code from values known to be good."""

    states: Annotated[
        tuple[str, ...],
        FilterField(
            label="State",
            words="in the state {}".format,
            about="In this state; `dead_letter` leaves out what is resolved.",
            read=parse_standing,
            condition=sql.stands,
            type=Standing,
            most=200,
            most_values=len(STANDINGS),
            param="state",
            key="state",
            particular=False,
        ),
    ] = ()
    kind: Annotated[
        str,
        FilterField(
            label="Kind",
            words="of kind {}".format,
            about="Of this kind.",
            condition=sql.equals(Task.kind),
            sought=sql.marked("#"),
            place="usual",
            options=lambda: [kind.name for kind in all_kinds()],
        ),
    ] = ""
    queue: Annotated[
        str,
        FilterField(
            label="Queue",
            words="in the queue {}".format,
            about="In this queue.",
            condition=sql.equals(Task.queue),
            sought=sql.marked("@"),
            place="usual",
        ),
    ] = ""
    run_id: Annotated[
        UUID | None,
        FilterField(
            label="Run ID",
            words="of one run".format,
            about="Of this run.",
            read=parse_id,
            condition=sql.equals(Task.run_id),
            type=UUID,
            place="more",
            hint="",
            href="/runs/{}",
        ),
    ] = None
    subject: Annotated[
        str,
        FilterField(
            label="Subject",
            words="about {}".format,
            about="About this subject.",
            condition=sql.equals(Task.subject),
            place="more",
            hint="",
        ),
    ] = ""
    owner: Annotated[
        str,
        FilterField(
            label="Owner",
            words="owned by {}".format,
            about="Of this person: an address or an id.",
            read=parse_owner,
            condition=sql.owned_by,
            most=300,
            place="usual",
            hint="ann@example.org",
            particular=False,
        ),
    ] = ""
    fingerprint: Annotated[
        str,
        FilterField(
            label="Error ID",
            words="with the error {}".format,
            about="Of an error: its ID, of one kind or of all, several with commas.",
            read=parse_fingerprints,
            condition=sql.of_errors,
            place="more",
            hint="as on the errors page",
            joined=True,
        ),
    ] = ""
    payload: Annotated[
        str,
        FilterField(
            label="Payload contains",
            words="whose payload contains {}".format,
            about='What it contains: `{"email": "a@b.c"}` or `email:a@b.c`.',
            read=checked(parse_payload),
            place="usual",
            hint="email:ann@example.org",
        ),
    ] = ""
    q: Annotated[
        str,
        FilterField(
            label="Title or ID",
            words="whose title or ID contains {}".format,
            about="The beginnings of words of the title, a whole value of the payload, or an id.",
            condition=sql.has_id,
            sought=sql.sought_words,
            place="first",
        ),
    ] = ""
    created_after: Annotated[
        str, _age("Created after", "Created then or later", "created after", sql.created_since)
    ] = ""
    created_before: Annotated[str, _age("Created before", "Created earlier", "created before", sql.created_before)] = ""
    finished_after: Annotated[
        str, _age("Finished after", "Finished then or later", "finished after", sql.since(Task.finished_at))
    ] = ""
    finished_before: Annotated[
        str, _age("Finished before", "Finished earlier", "finished before", sql.before(Task.finished_at))
    ] = ""
    mail: Annotated[
        str,
        FilterField(
            label="System tasks",
            words=lambda mail: "system tasks only" if mail == ONLY else "excluding system tasks",
            about="Tasks that Holdgate itself enqueues: with the others, without them, or only they.",
            read=parse_mail,
            condition=sql.of_own_kind,
            type=Literal["with", "without", "only"],
            default=WITH,
            particular=False,
        ),
    ] = ""
    bulk: Annotated[
        UUID | None,
        FilterField(
            label="Bulk job ID",
            words="changed by a bulk job".format,
            about="Changed by this bulk action.",
            read=parse_id,
            condition=sql.changed_by,
            type=UUID,
            place="more",
            hint="",
            href="/bulk/{}",
        ),
    ] = None
    ids: Annotated[
        tuple[UUID, ...],
        FilterField(
            label="Tasks",
            words="selected by hand".format,
            about="Only these, by their ids.",
            read=parse_id,
            condition=Task.id.in_,
            type=UUID,
            most=4000,
            most_values=MOST_IDS,
            param="id",
        ),
    ] = ()

    def where(self, *, marks: bool = True) -> ColumnElement[bool]:
        """As a condition on `tasks`.

        Args:
            marks: whether a kind or a queue is sought among the words too, which finds those that are rare.
        """
        return _where(self, marks)

    @property
    def marks(self) -> list[sql.Words]:
        """The kind and the queue, as they stand among the words."""
        marks = (field.sought(value) for field, value in self.given() if field.sought and field.condition)
        return [words for words in marks if words is not None]

    def given(self) -> list[tuple[FilterField, Any]]:
        """What filters, with its value."""
        return [(field, value) for field in FIELDS if (value := getattr(self, field.name))]

    def fixed(self, at: datetime) -> "TaskFilter":
        """The same filter for later: what is said as an age is counted from `at`."""
        ages = {field.name: parse_age(value) for field, value in self.given() if field.age}
        moments = {name: max(at - age, EARLIEST) if isinstance(age, timedelta) else age for name, age in ages.items()}
        return replace(self, **{name: moment.isoformat() for name, moment in moments.items()})

    def params(self) -> list[tuple[str, str]]:
        """As URL parameters; `parse_filter` reads them back."""
        return [
            (field.param, str(each)) for field, value in self.given() for each in (value if field.many else (value,))
        ]

    def particular(self) -> bool:
        """Whether something in particular is looked for: then mail and webhooks are among it."""
        return any(field.particular for field, _ in self.given())


# Building takes longer than many a query; a live list asks again every few seconds, a bulk action for each chunk.
@lru_cache(maxsize=64)
def _where(wanted: TaskFilter, marks: bool) -> ColumnElement[bool]:
    given = wanted.given()
    by_words = [(field.sought, value) for field, value in given if field.sought and (marks or not field.condition)]
    sought = [words for words_of, value in by_words if (words := words_of(value)) is not None]
    found = [
        condition for field, value in given if field.condition and (condition := field.condition(value)) is not None
    ]
    if wanted.payload:  # the same look at TaskWords finds what else is sought there
        found.append(sql.contains(wanted.payload, sought))
    elif sought:
        found.append(sql.found(sought))
    return and_(*found) if found else true()


def _fields() -> Iterable[FilterField]:
    for name, hint in get_type_hints(TaskFilter, include_extras=True).items():
        [field] = [each for each in get_args(hint) if isinstance(each, FilterField)]
        yield replace(field, name=name, param=field.param or name, key=field.key or name)


FIELDS = tuple(_fields())
BY_PARAM = {field.param: field for field in FIELDS}
