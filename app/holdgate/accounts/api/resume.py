"""The résumé of one's profile for programs: putting one there, fetching it, removing it."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from litestar import Response

from holdgate.accounts.profile import profiles
from holdgate.accounts.profile.resume_files import Document, document
from holdgate.api.bodies import content_type
from holdgate.api.routes import get, post
from holdgate.api.signatures import BodyReader, Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest

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


@get("/account/resume", scope=Scope.TASKS_READ, tag=TAG, summary="Download your résumé", problems=(404,), media=FILE)
async def get_resume(user: Principal, read: ReadSession) -> Response[bytes]:
    """The file as it was sent."""
    found = await profiles.load_resume(read, user.id)
    if found is None:
        raise NotFound("You have not uploaded a résumé.")
    disposition = f"attachment; filename*=UTF-8''{quote(found.name)}"
    return Response(found.content, media_type=FILE, headers={"Content-Disposition": disposition})


async def _read_file(request: WebRequest, wanted: ResumeQuery) -> tuple[Document, None]:
    content_type(request, FILE)
    return document(wanted.name, await request.body()), None


@post("/account/resume", scope=Scope.TASKS_WRITE, tag=TAG, summary="Upload a résumé", bodies={FILE: str})
async def put_resume(
    session: WriteSession,
    by: Principal,
    wanted: Query[ResumeQuery],
    file: Annotated[Document, BodyReader(_read_file)],
) -> ResumeKept:
    """A PDF, Word, OpenDocument or plain text file of at most 5 MB, in place of the one before."""
    await profiles.save_resume(session, by.id, file)
    await profiles.settle_profile(session, by)
    return ResumeKept(file.name, file.media_type, len(file.content), file.warning)


@post("/account/resume/remove", scope=Scope.TASKS_WRITE, tag=TAG, summary="Remove your résumé", problems=(404,))
async def remove_resume(session: WriteSession, by: Principal) -> ResumeKept:
    """Answers which one it was."""
    found = await profiles.load_resume(session, by.id)
    if found is None:
        raise NotFound("There is no résumé in your profile.")
    await profiles.save_resume(session, by.id, None)
    return ResumeKept(found.name, found.media_type, len(found.content))


handlers = [get_resume, put_resume, remove_resume]
