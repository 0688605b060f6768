"""A task that somebody wants, and what becomes of it once it is checked: a row to be written, by whichever way.

No SQLAlchemy here: programs that only enqueue import it.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.settings.types import QUEUE_NAME
from holdgate.core.text.shape import DEEP
from holdgate.core.text.storable import Unstorable, check_plain, storable_text
from holdgate.core.text.visible import is_blank
from holdgate.tasks.states import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from holdgate.tasks.kinds import AnyKind

MOST_ATTEMPTS = 1000
MOST_UNIQUE = 200  # characters: keys of an index
LONGEST_UNIQUE = timedelta(days=3650)
BLANK_TITLE = "This title has no character that can be seen. Write one, or leave it out."


class TaskRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A task somebody wants. `payload` is the kind's payload type or plain data that fits it.

    Args:
        queue, max_attempts: as the kind declares them unless given.
        priority: from 0 to 1000; more comes first.
        owner_id: the person whose task it is. owner: their email address instead.
        run_id: the run it belongs to. subject: what it is about, once in each run.
        run_at: not before. deadline: not done by then, it goes to the dead letters.
        unique: of its kind and owner there is one task with this text (up to 200 characters). Enqueued again, that one
            is returned. unique_for: only for so long after it was made; else for as long as it is kept.
    """

    kind: str
    payload: Any
    title: str = ""
    queue: str | None = None
    priority: int = DEFAULT_PRIORITY
    max_attempts: int | None = None
    run_id: UUID | None = None
    owner_id: UUID | None = None
    owner: str | None = None
    subject: str | None = None
    run_at: datetime | None = None
    deadline: datetime | None = None
    unique: str | None = None
    unique_for: timedelta | None = None


class TaskOptions(TypedDict, total=False):
    """What may be said of each task that is enqueued; `TaskRequest` tells what it means.

    `run` is the id of a run. `owner` is a person's id or email address.
    """

    title: str
    queue: str | None
    priority: int
    max_attempts: int | None
    run: UUID | None
    owner: UUID | str | None
    subject: str | None
    run_at: datetime | None
    deadline: datetime | None
    unique: str | None
    unique_for: timedelta | None


class TaskInsert(msgspec.Struct, frozen=True, kw_only=True):
    """A row for the queue: checked values, payload as JSON text."""

    id: UUID
    kind: str
    payload: str
    queue: str
    priority: int
    max_attempts: int
    title: str = ""
    run_id: UUID | None = None
    owner_id: UUID | None = None
    subject: str | None = None
    run_at: datetime | None = None
    deadline_at: datetime | None = None


class CheckedTask(TaskInsert, frozen=True, kw_only=True):
    """With what the database decides: which person an address is, and whether the task is there already."""

    owner: str | None = None
    unique: str | None = None
    unique_for: timedelta | None = None

    @property
    def decided_by_database(self) -> bool:
        return self.unique is not None or self.owner is not None


def request_of(kind: str, payload: Any, options: TaskOptions) -> TaskRequest:
    given: dict[str, Any] = dict(options)
    owner = given.pop("owner", None)
    given |= {"owner": owner} if isinstance(owner, str) else {"owner_id": owner}
    return TaskRequest(kind=kind, payload=payload, run_id=given.pop("run", None), **given)


def check_request(kind: "AnyKind", request: TaskRequest) -> CheckedTask:
    """Raises PayloadMismatch, Invalid."""
    if request.title and is_blank(request.title):
        raise Invalid(BLANK_TITLE, {"title": BLANK_TITLE})
    queue = request.queue or kind.queue
    if not QUEUE_NAME.fullmatch(queue):
        raise Invalid(f"{queue!r} can’t be a queue name.", {"queue": "Use small letters, digits, - and _."})
    if not 0 <= request.priority <= 1000:
        raise Invalid("The priority must be from 0 to 1000.", {"priority": "From 0 to 1000."})
    max_attempts = request.max_attempts if request.max_attempts is not None else kind.max_attempts
    if not 1 <= max_attempts <= MOST_ATTEMPTS:
        raise Invalid("A task is tried from 1 to 1000 times.", {"max_attempts": "From 1 to 1000."})
    if request.subject is not None and storable_text(request.subject) != request.subject:
        raise Invalid("The subject holds a NUL character or a lone surrogate.", {"subject": "Remove it."})
    for name, moment in (("run_at", request.run_at), ("deadline", request.deadline)):
        if moment is not None and not 1970 <= moment.year <= 9000:
            raise Invalid("A time must be in the years from 1970 to 9000.", {name: "From 1970 to 9000."})
    _check_unique(request)
    return CheckedTask(
        id=uuid7(),
        kind=kind.name,
        payload=msgspec.json.encode(plain_payload(kind, request.payload)).decode(),
        queue=queue,
        priority=request.priority,
        max_attempts=max_attempts,
        title=storable_text(request.title, 300),
        run_id=request.run_id,
        owner_id=request.owner_id,
        owner=request.owner,
        subject=request.subject,
        run_at=request.run_at,
        deadline_at=request.deadline,
        unique=request.unique,
        unique_for=request.unique_for,
    )


def _check_unique(request: TaskRequest) -> None:
    if request.unique_for is not None and not timedelta(0) < request.unique_for <= LONGEST_UNIQUE:
        raise Invalid("`unique_for` must be from a moment to ten years.", {"unique_for": "Up to ten years."})
    if request.unique is None:
        if request.unique_for is not None:
            raise Invalid("`unique_for` needs `unique`.", {"unique_for": "Say by `unique` what is there once."})
    elif not 1 <= len(request.unique) <= MOST_UNIQUE or storable_text(request.unique) != request.unique:
        raise Invalid(
            f"`unique` must be a text of 1 to {MOST_UNIQUE} characters, without NUL characters.",
            {"unique": f"From 1 to {MOST_UNIQUE} characters."},
        )


def plain_payload(kind: "AnyKind", payload: Any) -> Any:
    """Plain data that fits the kind and can be stored. Raises PayloadMismatch, Invalid."""
    try:
        plain = kind.plain(payload)
        check_plain(plain)
    except RecursionError:
        raise _unfit(f"can’t be stored. {DEEP}") from None
    except Unstorable as problem:
        raise _unfit(str(problem)) from problem
    return plain


def _unfit(problem: str) -> Invalid:
    return Invalid(f"The payload {problem}", {"payload": f"The payload {problem}"})
