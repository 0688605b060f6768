"""A person's résumés under Settings: several, one of them the usual."""

from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.accounts.profile import json_resume, profiles, resumes
from holdgate.accounts.profile.resume_files import MOST_BYTES, document
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.principal import Principal
from holdgate.web.downloads import attachment
from holdgate.web.forms import uploaded
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import UPLOAD, WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import see_other

FILLED = "Your profile was filled in from the JSON Resume. That file isn’t sent: add your résumé as a PDF."


async def keep(session: WriteSession, user: Principal, file: UploadFile, *, replace: bool) -> str:
    """Keep an uploaded file: in place of the usual one (`replace`), or beside others; a JSON Resume fills the profile
    instead. Returns what to tell of it, or "". Raises Invalid."""
    content = await file.read(MOST_BYTES + 1)
    basics = json_resume.basics_in(content)
    if basics is not None:
        profile = await profiles.load_profile(session, user.id)
        if profile is None:
            raise NotFound("Your account no longer exists.")
        await profiles.save_profile(session, user.id, json_resume.filled(profile, basics))
        return FILLED
    kept = document(file.filename, content)
    if replace:
        await resumes.save_resume(session, user.id, kept)
    else:
        await resumes.add_resume(session, user.id, kept)
    return kept.warning


@get("/settings/resume", include_in_schema=False)
async def usual_resume(read: Read, user: SignedIn) -> Response[bytes]:
    found = await resumes.load_resume(read, user.id)
    if found is None:
        raise NotFound("You have not uploaded a résumé.")
    return attachment(found.content, found.name, found.media_type)


@get("/settings/resumes/{resume_id:uuid}", include_in_schema=False)
async def one_resume(read: Read, user: SignedIn, resume_id: FromPath[UUID]) -> Response[bytes]:
    found = await resumes.find_resume(read, user.id, resume_id)
    return attachment(found.content, found.name, found.media_type)


@post("/settings/resumes", include_in_schema=False, opt={UPLOAD: True})
async def add_resume(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    file = await uploaded(request, "resume")
    if file is None:
        raise Invalid("Choose a file.", {"resume": "Choose a file."})
    told = await keep(write, user, file, replace=False)
    await profiles.settle_profile(write, user)
    return see_other(request, "/settings#resumes", told or "Résumé added.", level="warning" if told else "success")


@post("/settings/resumes/{resume_id:uuid}/use", include_in_schema=False)
async def use_resume(request: WebRequest, write: Write, user: SignedIn, resume_id: FromPath[UUID]) -> Response[str]:
    await resumes.use_resume(write, user.id, resume_id)
    return see_other(request, "/settings#resumes", "Default résumé changed.")


@post("/settings/resumes/{resume_id:uuid}/remove", include_in_schema=False)
async def remove_resume(request: WebRequest, write: Write, user: SignedIn, resume_id: FromPath[UUID]) -> Response[str]:
    await resumes.remove_resume(write, user.id, resume_id)
    return see_other(request, "/settings#resumes", "Résumé removed. Approved applications still send it.")


@post("/settings/resume/remove", include_in_schema=False)
async def remove_usual(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    await resumes.save_resume(write, user.id, None)
    return see_other(request, "/settings#profile", "The résumé has been removed.")


handlers: list[HTTPRouteHandler] = [
    usual_resume,
    one_resume,
    add_resume,
    use_resume,
    remove_resume,
    remove_usual,
]
