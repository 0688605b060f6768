"""The résumé of one's profile for programs: putting one there, fetching it, removing it."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response

from holdgate.accounts.profile import profiles
from holdgate.accounts.profile.resume_files import document
from holdgate.api.bodies import content_type, read_query
from holdgate.api.endpoints import endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.mutations import change
from holdgate.core.db import WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

TAG = "Account"
FILE = "application/octet-stream"


class ResumeQuery(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=200, description="The file's name, as those who get it see it.")] = ""


class ResumeKept(msgspec.Struct, frozen=True):
    """How the file is kept: its type is read off its content, and the name ends accordingly.

    `warning` says what may keep employers from reading it, or is empty.
    """

    name: str
    type: str
    bytes: int
    warning: str = ""


@endpoint(
    "GET",
    "/account/resume",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Download one's résumé",
    answers={200: None},
    problems=(404,),
    media=FILE,
)
async def get_resume(user: SignedIn, read: Read) -> Response[bytes]:
    """The file as it was sent."""
    found = await profiles.load_resume(read, user.id)
    if found is None:
        raise NotFound("You have not uploaded a résumé.")
    disposition = f"attachment; filename*=UTF-8''{quote(found.name)}"
    return Response(found.content, media_type=FILE, headers={"Content-Disposition": disposition})


@endpoint(
    "POST",
    "/account/resume",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Put a résumé into one's profile",
    answers={200: ResumeKept},
    query=ResumeQuery,
    bodies={FILE: str},
    once=True,
)
async def put_resume(request: WebRequest, user: SignedIn) -> Response[Any]:
    """A PDF, Word, OpenDocument or plain text file of at most 5 MB, in place of the one before."""
    wanted = read_query(request, ResumeQuery)
    content_type(request, FILE)
    file = document(wanted.name, await request.body())

    async def work(session: WriteSession) -> MutationReply:
        await profiles.save_resume(session, user.id, file)
        return MutationReply(ResumeKept(file.name, file.media_type, len(file.content), file.warning))

    return await once(request, user, work)


@change(
    "/account/resume/remove",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Remove one's résumé",
    answers={200: ResumeKept},
    problems=(404,),
)
async def remove_resume(session: WriteSession, by: Principal) -> ResumeKept:
    """Answers which one it was."""
    found = await profiles.load_resume(session, by.id)
    if found is None:
        raise NotFound("There is no résumé in your profile.")
    await profiles.save_resume(session, by.id, None)
    return ResumeKept(found.name, found.media_type, len(found.content))


handlers = [get_resume, put_resume, remove_resume]
