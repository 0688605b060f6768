"""Sample data for a development installation: postings of the careers site and a profile to apply with."""

from holdgate.accounts.models import User
from holdgate.accounts.profile.profiles import ProfileChange, load_profile, save_profile
from holdgate.accounts.profile.resume_files import document
from holdgate.accounts.profile.resumes import save_resume
from holdgate.core.db import WriteSession
from holdgate.core.paths import SAMPLES
from holdgate.core.principal import Principal
from holdgate.postings.errors import NothingToImport
from holdgate.postings.formats import parse
from holdgate.postings.imports import service
from holdgate.postings.queries import follow_site

SAMPLE_CAREERS = "http://127.0.0.1:8090"  # as written in the sample files

COVER_LETTER = """Dear {company} team,

I would like to join you as {title}. In my last two roles I kept queues, mails and the people who wait for them
moving, and I enjoy work that others can check.

I would be glad to talk with you.

Kind regards,
{name}"""

RESUME = """Alex Admin
admin@holdgate.localhost

2022-2026  Operations engineer, Saltmarsh Freight
2018-2022  Developer, Quillwork Press
"""


async def fill(session: WriteSession, user: User, careers_url: str) -> None:
    """Give `user` the sample postings and, if they have none yet, a profile. Doing it again adds nothing; where the
    careers site has another port by now, the postings follow it."""
    profile = await load_profile(session, user.id)
    if profile is None or not profile.resume_name:
        change = ProfileChange(
            name=user.name or "Alex Admin",
            email=user.email,
            phone="+49 30 901820",
            cover_letter=COVER_LETTER,
            answers={},
        )
        await save_profile(session, user.id, change)
        await save_resume(session, user.id, document("resume.txt", RESUME.encode()))
    data = (SAMPLES / "postings.csv").read_bytes().replace(SAMPLE_CAREERS.encode(), careers_url.encode())
    by = Principal(user.id, user.email, user.name, "admin")
    parsed = parse(data, "postings.csv")
    await follow_site(session, user.id, parsed.rows)
    kept = await service.keep(session, by, "postings.csv", parsed)
    try:
        await service.confirm(session, by, kept, leave_out_errors=True)
    except NothingToImport:
        await service.discard(session, by, kept)
