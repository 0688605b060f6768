"""Saying of two postings that look like one that they are the same, or different; and taking an address apart again."""

from uuid import UUID

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.postings.duplicates import service
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import see_other

LIST = "/postings?applied=likely"


@post("/postings/{posting_id:uuid}/same/{other_id:uuid}", include_in_schema=False)
async def mark_same(
    request: WebRequest,
    user: SignedIn,
    write: Write,
    posting_id: FromPath[UUID],
    other_id: FromPath[UUID],
    then: FromQuery[str] = "",
) -> Response[str]:
    kept = await service.mark_same(write, user, posting_id, other_id)
    said = "One posting with two addresses from now on. You apply to it once."
    return see_other(request, LIST if then == "list" else f"/postings/{kept}", said)


@post("/postings/{posting_id:uuid}/different/{other_id:uuid}", include_in_schema=False)
async def mark_different(
    request: WebRequest,
    user: SignedIn,
    write: Write,
    posting_id: FromPath[UUID],
    other_id: FromPath[UUID],
    then: FromQuery[str] = "",
) -> Response[str]:
    await service.mark_different(write, user, posting_id, other_id)
    said = "They stay two postings, and aren’t suggested again."
    return see_other(request, LIST if then == "list" else f"/postings/{posting_id}", said)


@post("/postings/{posting_id:uuid}/separate/{other_id:uuid}", include_in_schema=False)
async def separate_address(
    request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID], other_id: FromPath[UUID]
) -> Response[str]:
    await service.separate(write, user, posting_id, other_id)
    return see_other(request, f"/postings/{other_id}", "This address is a posting of its own again.")


handlers: list[HTTPRouteHandler] = [mark_same, mark_different, separate_address]
