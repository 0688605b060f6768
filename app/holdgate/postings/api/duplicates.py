"""Postings that are likely one, for programs: what a person says of them."""

from uuid import UUID

import msgspec

from holdgate.api.routes import post
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings.api.schemas import PostingActed
from holdgate.postings.duplicates import service

TAG = "Postings"
EXAMPLE = {"posting": "0199a8e4-0000-7000-8000-000000000007"}


class OtherPosting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other one of the two."""

    posting: UUID


@post(
    "/postings/{posting_id:uuid}/same",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Make two postings one",
    example=EXAMPLE,
    problems=(409,),
)
async def mark_same(session: WriteSession, by: Principal, wanted: OtherPosting, posting_id: UUID) -> PostingActed:
    """They are one job at several addresses, which is applied to once. `id` is the one that lists show from now on:
    that was applied to or is about to be, else that is sent most easily."""
    return PostingActed(await service.mark_same(session, by, posting_id, wanted.posting))


@post(
    "/postings/{posting_id:uuid}/different",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Keep two postings apart",
    example=EXAMPLE,
    problems=(409,),
)
async def mark_different(session: WriteSession, by: Principal, wanted: OtherPosting, posting_id: UUID) -> PostingActed:
    """They are not suggested as one again."""
    await service.mark_different(session, by, posting_id, wanted.posting)
    return PostingActed(posting_id)


@post(
    "/postings/{posting_id:uuid}/separate",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Separate an address from a posting",
    example=EXAMPLE,
)
async def separate_address(
    session: WriteSession, by: Principal, wanted: OtherPosting, posting_id: UUID
) -> PostingActed:
    """One of its `addresses` is a posting of its own again."""
    await service.separate(session, by, posting_id, wanted.posting)
    return PostingActed(wanted.posting)


handlers = [mark_same, mark_different, separate_address]
