"""Choosing postings for a run, a new one or one that gets more: what a page has to offer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from holdgate.accounts.profile.profiles import load_profile
from holdgate.accounts.profile.resumes import list_resumes
from holdgate.core.db import Session
from holdgate.core.principal import Principal
from holdgate.postings import queries
from holdgate.postings.channels import Channel
from holdgate.postings.duplicates.queries import LikelySame, likely_of
from holdgate.postings.queries import Listed, Search, open_ones
from holdgate.postings.service import MOST
from holdgate.web.forms import Form
from holdgate.web.pager import address

SHOWN = 50  # postings offered at once; the search finds the others


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen: `fresh` is not yet applied to, `again` is; the chosen ones come first in both.

    `count` not yet applied to match the search `q` and would be started by `all`, `ways` of them in each way; `more`
    of them are not shown. `likely` are the postings that may be the same as one that is shown, by its id.
    """

    q: str
    chosen: set[UUID]
    fresh: list[Listed]
    again: list[Listed]
    count: int
    ways: str
    more: int
    likely: dict[UUID, list[LikelySame]]
    all: bool
    force: bool


async def offered(session: Session, user: Principal, form: Form[Any]) -> Choice:
    """What the form as sent, or as asked for by its address, has to offer. Ids that mean nothing are passed over."""
    q = form.value("q")
    ids = [id for text in form.value("posting", [])[:MOST] if (id := as_uuid(text))]
    chosen = await queries.chosen_postings(session, user.id, ids)
    taken = {row.id for row in chosen}
    unapplied = await queries.list_postings(session, user.id, open_ones(q), SHOWN)
    applied = await queries.list_postings(session, user.id, Search(q, applied=True, archived=False), SHOWN)
    by_channel = await queries.count_postings(session, user.id, open_ones(q))
    count = sum(by_channel.values())
    fresh = _first([row for row in chosen if row.applied_at is None], unapplied, taken)
    return Choice(
        q=q,
        chosen=taken,
        fresh=fresh,
        again=_first([row for row in chosen if row.applied_at is not None], applied, taken),
        count=min(count, MOST),
        ways=said_ways(by_channel),
        more=count - len(unapplied),
        likely=await likely_of(session, [row.id for row in fresh[:SHOWN]]),
        all=form.value("all", False),
        force=form.value("force", False),
    )


def said_ways(by_channel: Mapping[Channel, int]) -> str:
    """How many are sent in which way, as a part of a sentence; nothing if all are sent from here."""
    if set(by_channel) <= {Channel.DIRECT}:
        return ""
    words = {
        Channel.DIRECT: "to the employer’s site",
        Channel.EMAIL: "by email",
        Channel.BY_HAND: "by hand (prepared for you to send on the employer’s page)",
    }
    return ", ".join(f"{by_channel[each]:,} {said}" for each, said in words.items() if by_channel.get(each))


def _first(chosen: list[Listed], found: list[Listed], taken: set[UUID]) -> list[Listed]:
    return chosen + [row for row in found if row.id not in taken]


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class MaterialChoice(msgspec.Struct, frozen=True):
    """Résumés and letters to choose from, the usual first; empty where there is no choice."""

    resumes: list[tuple[str, str]]
    letters: list[tuple[str, str]]


async def material_choice(session: Session, user: Principal) -> MaterialChoice:
    kept = await list_resumes(session, user.id)
    profile = await load_profile(session, user.id)
    resumes = [("", "Default"), *((str(each.id), each.name) for each in kept if not each.usual)]
    letters = [("", "Default"), *((name, name) for name in (profile.letters if profile else {}))]
    return MaterialChoice(resumes if len(resumes) > 1 else [], letters if len(letters) > 1 else [])


async def missing_parts(session: Session, user: Principal) -> str:
    """What an application needs and the person's profile lacks, as words of a sentence."""
    profile = await load_profile(session, user.id)
    if profile is None:
        return ""
    parts = {"your name": profile.name, "an email address": profile.email, "a résumé": profile.resume_bytes}
    return " and ".join(part for part, given in parts.items() if not given)


def watch_url(board: str) -> str:
    """The form of a schedule that watches a board."""
    payload = msgspec.json.encode({"address": board, "words": "", "place": "", "remote": False}).decode()
    return address("/schedules/new", [("kind", "board.watch"), ("payload", payload)])
