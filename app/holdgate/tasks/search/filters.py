"""Which tasks: one filter for lists, bulk actions, exports and the API; from and to URL parameters, SQL and words."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Interval, and_, cast, column, func, literal, or_, select, table, true
from sqlalchemy.dialects.postgresql import TSQUERY

from holdgate.core.config import parse_duration
from holdgate.core.errors import Invalid
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task, TaskWords
from holdgate.tasks.states import RESOLVED, STANDINGS, TaskState

MOST_IDS = 1000
WITH, WITHOUT, ONLY = "with", "without", "only"
MOST_TEXT = 2000
LONGEST_VALUE = 200  # characters of a payload's value that is in the index (holdgate_words)
LONGEST = timedelta(days=36_500)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # that `parse_age` reads
FINGERPRINT = re.compile(r"[^\s:]+:[0-9a-f]{12}")
_PATH = re.compile(r"(?:payload\.)?([\w-]+(?:\.[\w-]+)*)\s*:\s*(.+)", re.DOTALL)
_AGES = ("created_after", "created_before", "finished_after", "finished_before")
# Of a person the queue knows the address, and no more.
_users = table("users", column("id"), column("email"))
# Of a bulk action which tasks it has changed, and no more.
_bulk_tasks = table("bulk_tasks", column("action_id"), column("task_id"), column("outcome"))


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks; empty values do not filter. Made by `parse_filter`, or in code from values known to be good.

    `states` are standings: `dead_letter` leaves out what is resolved. `owner` is an address or an id, `payload` is
    `customer.email:ann@example.org` or a JSON object that the payload must contain, `q` the beginnings of words of the
    title, a whole value of the payload, or an id. Ages are a time such as `2026-11-23T09:00Z`, or how long ago: `90s`,
    `2h`, `7d`. `mail` is "without" or "only" for the kinds that Holdgate itself enqueues (mail, webhooks); `bulk` is
    an action that has changed them.
    """

    states: tuple[str, ...] = ()
    kind: str = ""
    queue: str = ""
    run_id: UUID | None = None
    subject: str = ""
    owner: str = ""
    fingerprint: str = ""
    payload: str = ""
    q: str = ""
    created_after: str = ""
    created_before: str = ""
    finished_after: str = ""
    finished_before: str = ""
    mail: str = ""
    bulk: UUID | None = None
    ids: tuple[UUID, ...] = ()

    def where(self) -> ColumnElement[bool]:
        """As a condition on `tasks`."""
        wanted = list(self._conditions())
        return and_(*wanted) if wanted else true()

    @property
    def sought_id(self) -> UUID | None:
        """`q`, if it is an id: then no words are looked for."""
        return _uuid(self.q)

    @property
    def sought(self) -> ColumnElement[Any]:
        """What `q` looks for among TaskWords: the beginnings of words, or `sought_value`."""
        return func.holdgate_sought(self.q).op("||")(self.sought_value)

    @property
    def _words(self) -> list[ColumnElement[Any]]:
        """All that TaskWords has to have. A rare kind or queue is found by this, a common one by walking the list."""
        marked = (("#", self.kind), ("@", self.queue))
        found = [_query(mark, [value]) for mark, value in marked if value]
        return [*found, self.sought] if self.q and not self.sought_id else found

    @property
    def sought_value(self) -> ColumnElement[Any]:
        """`q` as a whole value of the payload."""
        return _query("=", [self.q])

    def _conditions(self) -> Iterable[ColumnElement[bool]]:
        if self.states:
            yield _stands(self.states)
        for name in ("kind", "queue", "run_id", "subject", "fingerprint"):
            if value := getattr(self, name):
                yield getattr(Task, name) == value
        if self.owner:
            yield Task.owner_id == _owner(self.owner)
        if self.sought_id:
            yield Task.id == self.sought_id
        if self.payload:
            yield or_(*(_contains(part, self._words) for part in parse_payload(self.payload)))
        elif self._words:
            yield _found(self._words)
        for name in _AGES:
            if value := getattr(self, name):
                at = Task.created_at if name.startswith("created") else Task.finished_at
                limit = _moment(parse_age(value))
                yield at >= limit if name.endswith("after") else at < limit
        if self.mail:
            own = Task.kind.in_(own_kinds())
            yield own if self.mail == ONLY else ~own
        if self.bulk:
            changed = (_bulk_tasks.c.action_id == self.bulk) & (_bulk_tasks.c.outcome == "done")
            yield Task.id.in_(select(_bulk_tasks.c.task_id).where(changed))
        if self.ids:
            yield Task.id.in_(self.ids)

    def fixed(self, at: datetime) -> "TaskFilter":
        """The same filter for later: what is said as an age is counted from `at`."""
        ages = {name: parse_age(getattr(self, name)) for name in _AGES if getattr(self, name)}
        moments = {name: max(at - age, EARLIEST) if isinstance(age, timedelta) else age for name, age in ages.items()}
        return msgspec.structs.replace(self, **{name: moment.isoformat() for name, moment in moments.items()})

    def params(self) -> list[tuple[str, str]]:
        """As URL parameters; `parse_filter` reads them back."""
        found = [("state", state) for state in self.states]
        for name in self.__struct_fields__:
            if name not in ("states", "ids") and (value := getattr(self, name)):
                found.append((name, str(value)))
        return found + [("id", str(id)) for id in self.ids]


# As URL parameters.
FIELDS = tuple({"states": "state", "ids": "id"}.get(name, name) for name in TaskFilter.__struct_fields__)
_IDS = ("run_id", "bulk")


def own_kinds() -> list[str]:
    """The kinds whose tasks Holdgate itself enqueues: mail, webhooks."""
    return [kind.name for kind in all_kinds() if kind.internal]


class FilterForm(msgspec.Struct, frozen=True, kw_only=True):
    """A filter as somebody asked for it. `wanted` is None while it has `errors`; `values` keeps what was entered."""

    wanted: TaskFilter | None
    values: Mapping[str, str]
    errors: Mapping[str, str]

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def good(self) -> TaskFilter:
        """Raises Invalid with a sentence for every field that does not fit."""
        if self.wanted is None:
            raise Invalid(" ".join(self.errors.values()), dict(self.errors))
        return self.wanted


def parse_filter(params: Iterable[tuple[str, str]]) -> FilterForm:
    """The filter that URL parameters ask for. Names that are none of `FIELDS` are somebody else's."""
    states: list[str] = []
    ids: list[UUID] = []
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name, given in params:
        value = given.strip()
        if name not in FIELDS or not value:
            continue
        try:
            if "\0" in value or (len(value) > MOST_TEXT and name != "id"):
                raise ValueError(f"At most {MOST_TEXT} characters, please, and no NUL.")
            if name == "state":
                states += [_standing(one.strip()) for one in value.split(",") if one.strip()]
            elif name == "id":
                ids += [_id(one.strip()) for one in value.split(",") if one.strip()]
            else:
                values[name] = value
                _CHECKS.get(name, str)(value)
        except ValueError as problem:
            values[name] = value
            errors[name] = str(problem)
    if len(ids) > MOST_IDS:
        errors["id"] = f"At most {MOST_IDS} tasks can be selected one by one. Use a filter for more."
    if errors:
        return FilterForm(wanted=None, values=values, errors=errors)
    texts: dict[str, Any] = {name: UUID(value) if name in _IDS else value for name, value in values.items()}
    if texts.get("mail") == WITH:
        del texts["mail"]
    # `payload.email:x` may be typed where one searches.
    if "payload" not in texts and texts.get("q", "").startswith("payload."):
        texts["payload"] = texts.pop("q")
    wanted = TaskFilter(states=tuple(dict.fromkeys(states)), ids=tuple(dict.fromkeys(ids)), **texts)
    return FilterForm(wanted=wanted, values={**values, **{k: str(v) for k, v in texts.items()}}, errors={})


def parse_payload(text: str) -> list[dict[str, Any]]:
    """What the payload must contain, one of these: a bare `42` may be stored as a number or as a text.

    Raises:
        ValueError: with a sentence.
    """
    if text.startswith("{"):
        try:
            return [msgspec.json.decode(text, type=dict[str, Any])]
        except (msgspec.MsgspecError, RecursionError):
            raise ValueError("This is not a JSON object.") from None
    match = _PATH.fullmatch(text)
    if match is None:
        raise ValueError('Write a field and its value, such as email:ann@example.org, or JSON: {"email": "…"}.')
    path, given = match[1].split("."), match[2]
    values: list[Any] = [given]
    try:
        decoded = msgspec.json.decode(given)
    except (msgspec.MsgspecError, RecursionError):
        pass
    else:
        values = [decoded] if isinstance(decoded, str) else [decoded, given]
    return [_nested(path, value) for value in values]


def parse_age(text: str) -> datetime | timedelta:
    """Raises ValueError with a sentence."""
    problem = "Write how long ago (90s, 20m, 2h, 7d) or a date and time (2026-11-23T09:00Z)."
    try:
        ago = parse_duration(text)
        if ago is not None and ago <= LONGEST:
            return ago
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(problem) from None
    if not 1970 <= at.year <= 2999:
        raise ValueError(problem)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _contains(part: dict[str, Any], also: list[ColumnElement[Any]]) -> ColumnElement[bool]:
    """The index knows values, not where they are; the payload itself decides. `also`: what else is sought there."""
    contains = Task.payload.contains(part)
    values = list(_values(part))
    sought = [*also, _query("=", values).op("||")(_query("=", ["*"]))] if values else also
    return and_(_found(sought), contains) if sought else contains


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


def _query(mark: str, values: list[str]) -> ColumnElement[Any]:
    """Tasks that have all of these: values of the payload (`=`) or the kind (`#`)."""
    quoted = (value.replace("\\", "\\\\").replace("'", "''") for value in values)
    return cast(" & ".join(f"'{mark}{value}'" for value in quoted), TSQUERY)


def _found(queries: list[ColumnElement[Any]]) -> ColumnElement[bool]:
    """All of them by one look: of two the planner takes one for rare where the other is, and lists both."""
    together = reduce(func.tsquery_and, queries)
    return Task.id.in_(select(TaskWords.task_id).where(TaskWords.words.op("@@")(together)))


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def _stands(states: tuple[str, ...]) -> ColumnElement[bool]:
    if RESOLVED in states and TaskState.DEAD_LETTER in states:
        states = tuple(state for state in states if state != RESOLVED)
    elif RESOLVED in states:
        resolved = and_(Task.state == TaskState.DEAD_LETTER, Task.resolved_at.is_not(None))
        rest = tuple(state for state in states if state != RESOLVED)
        return or_(resolved, _stands(rest)) if rest else resolved
    elif TaskState.DEAD_LETTER in states:
        unresolved = and_(Task.state == TaskState.DEAD_LETTER, Task.resolved_at.is_(None))
        rest = tuple(state for state in states if state != TaskState.DEAD_LETTER)
        return or_(unresolved, _stands(rest)) if rest else unresolved
    return Task.state == states[0] if len(states) == 1 else Task.state.in_(states)


def _owner(owner: str) -> Any:
    if id := _uuid(owner):
        return id
    return select(_users.c.id).where(func.lower(_users.c.email) == owner.lower()).scalar_subquery()


def _moment(age: datetime | timedelta) -> ColumnElement[datetime]:
    if isinstance(age, datetime):
        return literal(age, Task.created_at.type)
    return func.now() - literal(age, Interval())


def _standing(text: str) -> str:
    if text not in STANDINGS:
        raise ValueError(f"There is no state {text!r} a task could be in.")
    return str(text)


def _id(text: str) -> UUID:
    if (id := _uuid(text)) is None:
        raise ValueError("This is not a valid id.")
    return id


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_owner(text: str) -> None:
    if _uuid(text) is None and "@" not in text:
        raise ValueError("An owner is an e-mail address or an id.")


def _is_fingerprint(text: str) -> None:
    if not FINGERPRINT.fullmatch(text):
        raise ValueError("An error is named by its kind and twelve hexadecimal digits, as on the dead letters' page.")


def _is_mail(text: str) -> None:
    if text not in (WITH, WITHOUT, ONLY):
        raise ValueError("Mail and webhooks can be shown with the others, without them, or only.")


_CHECKS: Mapping[str, Any] = {
    **dict.fromkeys(_IDS, _id),
    "mail": _is_mail,
    "owner": _is_owner,
    "payload": parse_payload,
    "fingerprint": _is_fingerprint,
    **dict.fromkeys(_AGES, parse_age),
}
