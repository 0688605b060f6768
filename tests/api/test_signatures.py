"""What the API reads off a handler's annotations, and what it refuses when the module is imported."""

import msgspec
import pytest
from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query, read_signature
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope


class Sent(msgspec.Struct):
    name: str


class Wanted(msgspec.Struct):
    limit: int = 1


async def change(
    session: WriteSession, by: Principal, sent: Sent, wanted: Query[Wanted], id: int
) -> MutationReply[Sent]:
    return MutationReply(sent)


async def read(read: ReadSession) -> Response[Sent]:
    return Response(Sent("a"))


async def nobody_gives(of: str) -> Sent:
    return Sent(of)


def test_a_parameter_is_given_by_its_type_or_by_its_name_in_the_address() -> None:
    found = read_signature(change, frozenset({"id"}))
    assert (found.write, found.user, found.body, found.query) == (
        "session",
        "by",
        ("sent", Sent),
        ("wanted", Wanted),
    )
    assert (found.path, found.read, found.request) == (("id",), None, None)


def test_what_is_made_answers_201_and_what_was_there_200() -> None:
    assert read_signature(change, frozenset({"id"})).answers == {201: Sent, 200: Sent}
    assert read_signature(read, frozenset()).answers == {200: Sent}


def test_a_handler_that_cannot_be_called_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="nothing in a request gives of"):
        post("/x", scope=Scope.TASKS_READ, tag="X", summary="X")(nobody_gives)
    with pytest.raises(TypeError, match="GET reads"):
        get("/x/{id:int}", scope=Scope.TASKS_READ, tag="X", summary="X")(change)
