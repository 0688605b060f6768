"""Composing an application from a posting and its owner's profile."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from holdgate.accounts.profile import cover_letter
from holdgate.accounts.profile.profiles import ProfileView, load_profile
from holdgate.accounts.profile.resume_files import Document
from holdgate.accounts.profile.resumes import load_resume
from holdgate.applications.copies import ApplicationCopy, CopyReply
from holdgate.approvals.forms import FormField
from holdgate.kinds.application.noting import copy_of, note_prepared
from holdgate.kinds.application.packet import Missing, Packet, Resume, SiteReply
from holdgate.kinds.application.questions import field_for, is_to_ask, keeping, reply_to
from holdgate.postings import service as postings
from holdgate.postings.channels import Channel
from holdgate.postings.duplicates.service import applied_likely
from holdgate.postings.errors import PostingNotFound
from holdgate.postings.formats.description import as_text
from holdgate.postings.service import USUAL, Material, PostingView
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.payloads.artifact import StoredArtifact

NAME = "applicant_name"  # not "name": a posting may ask a question of that name


class Given(msgspec.Struct, frozen=True):
    """What a person entered for this application before.

    `answers` count as they are; `earlier` ones were refused by the site and are only suggested; `letter` replaces
    the profile's template.
    """

    answers: dict[str, Any] = {}
    earlier: dict[str, Any] = {}
    letter: str = ""


async def compose(ctx: Context, posting_id: UUID, given: Given, chosen: Material = USUAL) -> Packet | Missing:
    """Args:
        chosen: for this run; else what was chosen for the posting, else the profile's usual ones.

    Raises:
    PermanentError: no such posting, or a question that cannot be answered here.
    """
    async with ctx.database.read() as session:
        profile = await load_profile(session, ctx.owner_id) if ctx.owner_id else None
        if profile is None:
            raise PermanentError("An application needs a person whose it is. Start it from a run of your own.")
        try:
            posting = await postings.load(session, posting_id, profile.user_id)
        except PostingNotFound as error:
            raise PermanentError(str(error)) from error
        document = await load_resume(session, profile.user_id, chosen.resume_id or posting.resume_id)
        likely = await applied_likely(session, posting.id)
    name = profile.name.strip() or str(given.answers.get(NAME, "")).strip()
    replies = [reply_to(question, profile.answers, given.answers) for question in posting.questions]
    asked = [
        question
        for question, reply in zip(posting.questions, replies, strict=True)
        if is_to_ask(question, reply, profile.answers, given.answers)
    ]
    fields = [field_for(question, given.earlier.get(question.name, ""), profile.answers) for question in asked]
    if asked:
        fields.append(keeping(asked))
    if not name:
        fields.insert(0, FormField(NAME, "Your name", required=True, value=given.earlier.get(NAME, "")))
    if fields or document is None:
        known = ApplicationCopy(
            apply_url=posting.apply_url,
            name=name,
            email=profile.email,
            phone=profile.phone,
            replies=[CopyReply(reply.label, reply.value) for reply in replies if reply],
        )
        await note_prepared(ctx, posting, known, None)
        todo = "" if document else f"Add your résumé under {ctx.settings.base_url}/settings, then come back."
        return Missing(
            round=ctx.task.round,
            title=posting.title,
            company=posting.company,
            fields=fields,
            todo=todo,
            posting_id=posting.id,
        )
    await ctx.progress(1, 3, "Composed")
    template = profile.letters.get(chosen.letter or posting.letter, "") or profile.cover_letter
    letter = given.letter or fill(template.strip() or cover_letter.DEFAULT, _words(posting, profile, name))
    packet = _packet(ctx.task.round, posting, profile, name, document, [r for r in replies if r], letter)
    await note_prepared(ctx, posting, copy_of(packet), document)
    kept = await _kept(ctx, document, packet.resume.sha256)
    return msgspec.structs.replace(packet, resume_file=kept, likely_applied=likely.url if likely else "")


async def _kept(ctx: Context, document: Document, digest: str) -> StoredArtifact:
    """The résumé, to be opened by whoever decides; another one has another name, so that what was shown stays there."""
    stem, dot, suffix = document.name.rpartition(".")
    return await ctx.artifact(f"{stem} ({digest[:8]}){dot}{suffix}", document.content, document.media_type)


def _packet(
    round: int,
    posting: PostingView,
    profile: ProfileView,
    name: str,
    document: Document,
    replies: list[SiteReply],
    letter: str,
) -> Packet:
    resume = Resume(document.name, document.media_type, len(document.content), sha256(document.content).hexdigest())
    way = posting.way
    return Packet(
        round=round,
        title=posting.title,
        company=posting.company,
        location=posting.location,
        url=posting.url,
        apply_url=posting.apply_url,
        name=name,
        email=profile.email,
        phone=profile.phone,
        resume=resume,
        replies=replies,
        links=profile.links,
        cover_letter=letter,
        applied_at=posting.applied_at,
        posting_id=posting.id,
        job=as_text(posting.description),
        channel=way.channel,
        by_hand_because=way.reason if way.channel is Channel.BY_HAND else "",
    )


def _words(posting: PostingView, profile: ProfileView, name: str) -> dict[str, str]:
    """What placeholders stand for. Of a name without its parts the last word is the last name."""
    first, _, last = name.rpartition(" ")
    return {
        "company": posting.company,
        "title": posting.title,
        "location": posting.location,
        "name": name,
        "first_name": profile.first_name or first or last,
        "last_name": profile.last_name or (last if first else ""),
        "email": profile.email,
        "phone": profile.phone,
    }


def fill(template: str, words: Mapping[str, str]) -> str:
    """The letter. Braces that name no placeholder stay as they are."""
    unknown = {name: f"{{{name}}}" for name in re.findall(r"\{([^{}\n]*)\}", template)}
    return cover_letter.fill(template, {**unknown, **words})
