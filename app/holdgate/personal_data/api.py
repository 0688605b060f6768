"""The export and the erasure of a person, for programs; and one's own data."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.response import Stream

from holdgate.accounts.tokens.bearer import forget_holders
from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.telemetry import log
from holdgate.personal_data import erasing
from holdgate.personal_data.errors import ErasureNotFound
from holdgate.personal_data.exporting import ExportedPerson, export_person, find_person
from holdgate.personal_data.models import Erasure
from holdgate.personal_data.views import NAME
from holdgate.web.downloads import download
from holdgate.web.http.request import WebRequest

TAG = "People"
Address = Annotated[str, msgspec.Meta(min_length=3, max_length=254)]

logger = log.get(__name__)


class PersonQuery(msgspec.Struct, frozen=True, kw_only=True):
    address: Annotated[Address, msgspec.Meta(description="Their email address, with or without an account.")]


class NewErasure(msgspec.Struct, frozen=True):
    address: Address


class ErasureItem(msgspec.Struct, frozen=True, kw_only=True):
    """`changed`: how many rows of which table have been deleted or changed. `done_at`: null while it goes on."""

    id: UUID
    pseudonym: str
    changed: dict[str, int]
    requested_at: datetime
    done_at: datetime | None


def _item(erasure: Erasure) -> ErasureItem:
    return msgspec.convert(erasure, ErasureItem, from_attributes=True)


@get(
    "/people/export",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Export a person's data",
    answer=dict[str, Any],
)
async def export(request: WebRequest, user: Principal, read: ReadSession, wanted: Query[PersonQuery]) -> Stream:
    """One JSON object with the rows of every table that are theirs, and those in which the address stands: look through
    it before you pass it on. Cut off, it is no JSON."""
    person = await find_person(read, wanted.address)
    logger.info("personal data exported", by=user.email)
    return download(export_person(request.app.state.database, person), NAME, "application/json")


@get("/account/data", scope=Scope.TASKS_READ, tag="Account", summary="Export your own data", answer=dict[str, Any])
async def export_own(request: WebRequest, user: Principal) -> Stream:
    """One JSON object with the rows of every table that are yours, and what others' requests have of you."""
    person = ExportedPerson(user.email, user.id, mentions=False)
    return download(export_person(request.app.state.database, person), NAME, "application/json")


@post(
    "/people/erase",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Erase a person",
    example={"address": "ann@example.org"},
    problems=(409,),
    after=forget_holders,
)
async def erase(session: WriteSession, by: Principal, wanted: NewErasure) -> MutationReply[ErasureItem]:
    """What is theirs is deleted, and what has to be kept says a pseudonym. Nothing undoes it. Their access ends at
    once, the rest follows within minutes. 409 for the last administrator."""
    erasure = await erasing.request_erasure(session, by, wanted.address)
    return MutationReply(_item(erasure), 201, f"{PATH}/people/erasures/{erasure.id}")


@get("/people/erasures/{erasure_id:uuid}", scope=Scope.ADMIN, tag=TAG, summary="Get an erasure")
async def get_erasure(user: Principal, read: ReadSession, erasure_id: UUID) -> ErasureItem:
    found = await erasing.find_erasure(read, erasure_id)
    if found is None:
        raise ErasureNotFound
    return _item(found)


handlers = [export, export_own, erase, get_erasure]
