"""The kind `application.submit`: compose an application, have it approved, send it, mark the posting as applied to.

    compose → (questions → compose-2 …) → submit: a person approves → sending → send → (sign-in → send-2 …) → applied

Every arrow is stored, so a crash repeats at most the request that was under way, with the same bytes and the same
key. A packet that was refused, by a person or by the site, or that is out of date is replaced by a new one
(compose-n), which is put to approval anew; the site is told so by a new key.
"""

from datetime import timedelta
from itertools import count
from typing import Annotated, Any
from uuid import UUID

import msgspec

from holdgate.approvals import versions
from holdgate.kinds.application.compose import Given, compose
from holdgate.kinds.application.noting import note_sent, sent_beside
from holdgate.kinds.application.packet import CoverLetterForm, Missing, SiteReceipt, numbered
from holdgate.kinds.application.questions import KEEP, learnt
from holdgate.kinds.application.sending import send
from holdgate.kinds.application.waiting import learn
from holdgate.postings.service import KIND, Material
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import Backoff, kind

# Five tries within ten minutes or so: long enough for a site's restart, short enough for an approval to be fresh.
BACKOFF = Backoff(base=timedelta(seconds=4), factor=5.0, cap=timedelta(minutes=30))

MIXED = (
    "Its completed steps are about another posting than its payload now names, so nothing was sent. Retry it and "
    "re-run completed steps, or start a new application for that posting."
)


class SubmitApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`resume_id` and `letter`: a résumé and a letter template chosen for the run."""

    posting_id: UUID
    resume_id: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


@kind(KIND, max_attempts=5, timeout=timedelta(minutes=2), backoff=BACKOFF, approval_ttl=timedelta(hours=24))
async def submit_application(ctx: Context, payload: SubmitApplication) -> SiteReceipt:
    """Apply for a posting with the profile of the task's owner, once they have approved it."""
    if (said := await sent_beside(ctx, payload.posting_id)) is not None:
        return said
    tries = count(1)
    given, chosen = Given(), Material(payload.resume_id, payload.letter)
    for n in count(1):
        draft = await ctx.step(numbered("compose", n), compose, ctx, payload.posting_id, given, chosen)
        if draft.posting_id not in (None, payload.posting_id):
            raise PermanentError(MIXED)
        question = numbered("questions" if isinstance(draft, Missing) else "submit", n)
        if draft.round < ctx.task.round and not await _answered(ctx, question):
            continue  # a person said no, or nobody said anything, and it was resumed: composed from what holds now
        if isinstance(draft, Missing):
            given = msgspec.structs.replace(given, answers=given.answers | await _ask(ctx, question, n, draft))
            continue
        answer = await ctx.approval(
            question,
            title=f"Apply for {draft.title} at {draft.company}",
            show=draft.shown(),
            form=CoverLetterForm,
            values=CoverLetterForm(draft.cover_letter),
        )
        letter = answer.form.cover_letter
        outcome = await send(ctx, draft, letter, posting_id=payload.posting_id, draft=n, tries=tries)
        if isinstance(outcome, SiteReceipt):
            await ctx.transact("applied", note_sent, ctx.task_id, payload.posting_id, letter, outcome)
            await ctx.progress(3, 3, "Sent")
            return outcome
        if not outcome.outdated and outcome.round == ctx.task.round:
            raise PermanentError(outcome.reason)
        given = _again(given, letter, refused=not outcome.outdated)
    raise AssertionError("unreachable: the loop has no end")


async def _answered(ctx: Context, question: str) -> bool:
    async with ctx.database.read() as session:
        return await versions.is_decided(session, ctx.task_id, question, ctx.task.round)


async def _ask(ctx: Context, question: str, n: int, missing: Missing) -> dict[str, Any]:
    """What they answered; what they want to keep is in their profile from now on."""
    title = f"Complete your details to apply for {missing.title} at {missing.company}"
    answer = await ctx.ask(question, title=title, show=missing.shown(), fields=missing.fields)
    kept = learnt(missing.fields, answer.form)
    if kept and ctx.owner_id is not None:
        await ctx.transact(numbered("learn", n), learn, ctx.owner_id, kept)
    return {name: value for name, value in answer.form.items() if name != KEEP}


def _again(given: Given, letter: str, *, refused: bool) -> Given:
    """For the next packet: the letter as it was left; answers that the site refused are put to the person again."""
    if not refused:
        return Given(given.answers, given.earlier, letter)
    return Given({}, given.earlier | given.answers, letter)
