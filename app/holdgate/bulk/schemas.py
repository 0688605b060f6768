"""Bulk actions as programs read and write them."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged
from holdgate.bulk.filter_labels import conditions_of
from holdgate.bulk.models import BulkAction, BulkEvent
from holdgate.bulk.service import MOST_NOTE
from holdgate.bulk.states import BulkState, BulkVerb
from holdgate.bulk.undoing import UndoPlan
from holdgate.core.errors import Invalid
from holdgate.tasks.schemas import Moment, Priority
from holdgate.tasks.search.filters import BY_PARAM, FIELDS, TaskFilter
from holdgate.tasks.search.parameters import parse_filter

if TYPE_CHECKING:
    BulkFilter: TypeAlias = msgspec.Struct
else:
    BulkFilter = msgspec.defstruct(
        "BulkFilter",
        [field.member() for field in FIELDS],
        namespace={"__doc__": "Which tasks, as in the list of tasks; all conditions together, and without any: all."},
        module=__name__,
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
    )


class BulkQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What would be done to which tasks."""

    verb: BulkVerb
    filter: BulkFilter


class BulkPreview(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks the verb could be used on, counted at `at`."""

    total: int
    by_state: dict[str, int]
    at: Moment


class NewBulkAction(BulkQuestion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verb for all tasks that match now, and for no other.

    `expected`: how many at most, as the preview counted them; when more match, nothing is done (409). `at`: when it
    counted; what came later is left out. `priority` is for `prioritise`, `note` for `resolve`; `canary`, for `retry`:
    one task first, then more in steps, as long as the same error does not come back.
    """

    expected: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    at: Moment | None = None
    priority: Priority | None = None
    note: Annotated[str, msgspec.Meta(max_length=MOST_NOTE)] = ""
    canary: bool = False


class BulkStarted(msgspec.Struct, frozen=True):
    """It is carried out in the background; `url` is where to follow it. `total`: how many tasks it has."""

    id: UUID
    url: str
    total: int


class BulkMoved(msgspec.Struct, frozen=True):
    id: UUID
    state: BulkState


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action and how far it is. `skipped` did not match any more when their turn came.

    Of a redrive (`canary`): how many steps have gone out, and how many of its tasks `failed` again.
    """

    id: UUID
    verb: BulkVerb
    canary: bool
    filter: BulkFilter
    words: list[str]
    priority: int | None
    note: str
    actor: str
    state: BulkState
    reason: str | None
    total: int
    done: int
    skipped: int
    failed: int
    step: int
    created_at: Moment
    finished_at: Moment | None


class BulkEventItem(msgspec.Struct, frozen=True, kw_only=True):
    at: Moment
    from_state: BulkState | None
    to_state: BulkState
    actor: str
    reason: str | None


class BulkUndo(msgspec.Struct, frozen=True, kw_only=True):
    """What `undo` would do."""

    verb: BulkVerb
    filter: BulkFilter
    priority: int | None


class BulkDetail(BulkItem, frozen=True, kw_only=True):
    """`undo`: null when nothing leads back."""

    events: list[BulkEventItem]
    undo: BulkUndo | None


class BulkPage(ListPart, frozen=True, kw_only=True):
    items: list[BulkItem]


class BulkQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""


def task_filter(asked: BulkFilter) -> TaskFilter:
    """Raises Invalid with the place. What says nothing, such as blanks, is refused: it would select more than meant."""
    given = [(field, value) for field in FIELDS if (value := getattr(asked, field.key)) not in (None, [])]
    problems: dict[str, str] = {}
    for field, value in given:
        if not field.many and not str(value).strip():
            problems[f"filter.{field.key}"] = "This is blank. Leave it out."
        for n, each in enumerate(value if field.many else ()):
            try:
                field.read(str(each))
            except ValueError as problem:
                problems[f"filter.{field.key}[{n}]"] = str(problem)
    if not problems:
        form = parse_filter(
            (field.param, str(each)) for field, value in given for each in (value if field.many else (value,))
        )
        if form.wanted is not None:
            return form.wanted
        problems = {f"filter.{BY_PARAM[name].key}": sentence for name, sentence in form.errors.items()}
    raise Invalid("Invalid filter.", problems)


def asked_filter(wanted: TaskFilter) -> BulkFilter:
    """As it was asked for; ages have become times."""
    return BulkFilter(**{field.key: list(value) if field.many else value for field, value in wanted.given()})


def item(action: BulkAction) -> BulkItem:
    return BulkItem(**_plain(action))


def detail(action: BulkAction, events: list[BulkEvent], undo: UndoPlan | None) -> BulkDetail:
    return BulkDetail(
        **_plain(action),
        events=[
            BulkEventItem(
                at=each.at,
                from_state=BulkState(each.from_state) if each.from_state else None,
                to_state=BulkState(each.to_state),
                actor=each.actor,
                reason=each.reason,
            )
            for each in events
        ],
        undo=BulkUndo(verb=undo.verb, filter=asked_filter(undo.wanted), priority=undo.priority) if undo else None,
    )


_READ = [name for name in BulkItem.__struct_fields__ if name not in ("verb", "state", "filter", "words")]


def _plain(action: BulkAction) -> dict[str, Any]:
    wanted = msgspec.convert(action.filter, TaskFilter)
    return {
        **{name: getattr(action, name) for name in _READ},
        "verb": BulkVerb(action.verb),
        "state": BulkState(action.state),
        "filter": asked_filter(wanted),
        "words": [each.words for each in conditions_of(wanted)],
    }
