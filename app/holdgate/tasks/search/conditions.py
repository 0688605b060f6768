"""A filter's values as SQL: conditions on `tasks`, and what TaskWords has to have."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, bindparam, cast, column, func, literal, or_, select, table
from sqlalchemy.dialects.postgresql import TSQUERY

from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task, error_counts
from holdgate.tasks.search.models import TaskSearch
from holdgate.tasks.search.values import ONLY, parse_age, parse_payload, uuid_of
from holdgate.tasks.states import RESOLVED, TaskState

LONGEST_VALUE = 200  # characters of a payload's value that is in the index (holdgate_words)
Words: TypeAlias = ColumnElement[Any]  # a tsquery
# Of a person the queue knows the address, and no more.
users = table("users", column("id"), column("email"))
# Of a bulk action which tasks it has changed, and no more.
_bulk_tasks = table("bulk_tasks", column("action_id"), column("task_id"), column("outcome"))
_DEAD = Task.state == TaskState.DEAD_LETTER
# A dead letter stands as one until it is resolved.
_STANDS_APART = {
    TaskState.DEAD_LETTER.value: and_(_DEAD, Task.resolved_at.is_(None)),
    RESOLVED: and_(_DEAD, Task.resolved_at.is_not(None)),
}


def equals(at: Any) -> Callable[[Any], ColumnElement[bool]]:
    return lambda value: at == value


def of_errors(fingerprints: str) -> ColumnElement[bool]:
    """Of one kind each, or of all kinds that have it by the counts: an index finds either."""
    given = fingerprints.split(",")
    whole = [each for each in given if ":" in each]
    any_kind = [f":{each}" for each in given if ":" not in each]
    named = select(error_counts.c.fingerprint).where(func.right(error_counts.c.fingerprint, 13).in_(any_kind))
    found = [Task.fingerprint.in_(whole)] if whole else []
    return or_(*found, Task.fingerprint.in_(named)) if any_kind else or_(*found)


def since(at: Any) -> Callable[[str], ColumnElement[bool]]:
    return lambda age: at >= _moment(age)


def before(at: Any) -> Callable[[str], ColumnElement[bool]]:
    return lambda age: at < _moment(age)


def created_since(age: str) -> ColumnElement[bool]:
    """By the id too, so that the primary key is read from there and nothing that is older."""
    return since(Task.created_at)(age) & (Task.id >= func.holdgate_first_id(_moment(age), -1))


def created_before(age: str) -> ColumnElement[bool]:
    return before(Task.created_at)(age) & (Task.id < func.holdgate_first_id(_moment(age), 1))


def marked(mark: str) -> Callable[[str], Words]:
    """Of the kind (`#`), in the queue (`@`)."""
    return lambda value: words_query(mark, [value])


def stands(states: Sequence[str]) -> ColumnElement[bool]:
    apart = [state for state in states if state in _STANDS_APART]
    if len(apart) != 1:  # both together are every dead letter
        states = [state for state in states if state != RESOLVED]
        # In plain words: indexes have states in their conditions, and a plan for any states could not use them.
        return Task.state.in_(bindparam(None, states, expanding=True, literal_execute=True))
    rest = [state for state in states if state not in apart]
    return or_(_STANDS_APART[apart[0]], stands(rest)) if rest else _STANDS_APART[apart[0]]


def owned_by(owner: str) -> ColumnElement[bool]:
    """An address or an id."""
    if id := uuid_of(owner):
        return Task.owner_id == id
    same = func.lower(users.c.email) == owner.lower()
    return Task.owner_id == select(users.c.id).where(same).scalar_subquery()


def own_kinds() -> list[str]:
    """The kinds whose tasks Holdgate itself enqueues: mail, webhooks."""
    return [kind.name for kind in all_kinds() if kind.internal]


def of_own_kind(mail: str) -> ColumnElement[bool]:
    own = Task.kind.in_(own_kinds())
    return own if mail == ONLY else ~own


def changed_by(action_id: UUID) -> ColumnElement[bool]:
    changed = (_bulk_tasks.c.action_id == action_id) & (_bulk_tasks.c.outcome == "done")
    return Task.id.in_(select(_bulk_tasks.c.task_id).where(changed))


def has_id(text: str) -> ColumnElement[bool] | None:
    """What is typed where one searches, if it is an id: then no words are looked for."""
    return None if (id := uuid_of(text)) is None else Task.id == id


def sought_value(text: str) -> Words:
    """As a whole value of the payload."""
    return words_query("=", [text])


def sought_words(text: str) -> Words | None:
    """The beginnings of words, or a whole value of the payload; nothing of an id."""
    return None if uuid_of(text) else func.holdgate_sought(text).op("||")(sought_value(text))


def contains(payload: str, also: Sequence[Words]) -> ColumnElement[bool]:
    """`also`: what else is sought among TaskWords, by the same look."""
    return or_(*(_contains(part, also) for part in parse_payload(payload)))


def _contains(part: dict[str, Any], also: Sequence[Words]) -> ColumnElement[bool]:
    """The index knows values, not where they are; the payload itself decides."""
    contains = Task.payload.contains(part)
    values = list(_values(part))
    wanted = [*also, words_query("=", values).op("||")(words_query("=", ["*"]))] if values else also
    return and_(found(wanted), contains) if wanted else contains


def found(queries: Sequence[Words]) -> ColumnElement[bool]:
    """All of them by one look: of two the planner takes one for rare where the other is, and lists both."""
    return Task.id.in_(select(TaskSearch.task_id).where(TaskSearch.words.op("@@")(together(queries))))


def together(queries: Sequence[Words]) -> Words:
    return reduce(func.tsquery_and, queries)


def words_query(mark: str, values: Sequence[str]) -> Words:
    """Tasks that have all of these: values of the payload (`=`), the kind (`#`) or the queue (`@`)."""
    quoted = (value.replace("\\", "\\\\").replace("'", "''") for value in values)
    return cast(" & ".join(f"'{mark}{value}'" for value in quoted), TSQUERY)


def _values(part: Any) -> Iterable[str]:
    """The values in it as `holdgate_words` writes them, those that it leaves out excepted."""
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _values(inner)
        return
    text = str(part)
    if isinstance(part, bool):
        text = text.lower()
    elif isinstance(part, int | float):
        text = format(Decimal(text).normalize(), "f")
    if part is not None and 1 <= len(text) <= LONGEST_VALUE:
        yield text


def _moment(age: str) -> ColumnElement[datetime]:
    at = parse_age(age)
    if isinstance(at, datetime):
        return literal(at, Task.created_at.type)
    return func.now() - literal(at, Interval())
