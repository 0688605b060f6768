"""Enqueueing by requests: several kinds together, or a kind that is known by its name only."""

from collections.abc import Coroutine, Iterable
from typing import Any, overload
from uuid import UUID

from holdgate.tasks import places
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.places import AsyncPlace, Place
from holdgate.tasks.requests import TaskRequest, check_request


@overload
def enqueue(where: AsyncPlace, request: TaskRequest) -> Coroutine[Any, Any, UUID]: ...
@overload
def enqueue(where: Place, request: TaskRequest) -> UUID: ...
def enqueue(where: Any, request: TaskRequest) -> Any:
    """Enqueue one task in the caller's transaction, as `Kind.enqueue` does. Returns its id.

    Raises:
        UnknownKind, PayloadMismatch, Invalid: before anything is written.
    """
    return places.enqueue_one(where, check_request(find_kind(request.kind), request))


@overload
def enqueue_many(where: AsyncPlace, requests: Iterable[TaskRequest]) -> Coroutine[Any, Any, list[UUID]]: ...
@overload
def enqueue_many(where: Place, requests: Iterable[TaskRequest]) -> list[UUID]: ...
def enqueue_many(where: Any, requests: Iterable[TaskRequest]) -> Any:
    """Enqueue tasks in the caller's transaction, all of them or none: they exist if and only if it commits. Returns
    their ids in the same order.

    Raises:
        UnknownKind, PayloadMismatch, Invalid: before anything is written.
    """
    return places.enqueue_rows(where, [check_request(find_kind(request.kind), request) for request in requests])
