"""When two postings are likely one, as parts of statements, and whose id stands for one of several addresses."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import LateralFromClause

from holdgate.postings.models import DistinctPostings, Posting

COMPARED = 5
"""Candidates of a posting whose texts are compared with its own. A chain of shops may have hundreds that are alike."""


def kept(posting_id: UUID) -> ScalarSelect[Any]:
    """The posting that an id stands for: of one that is another's address that other."""
    one = aliased(Posting)
    return select(func.coalesce(one.duplicate_of, one.id)).where(one.id == posting_id).scalar_subquery()


def candidates(*names: str) -> LateralFromClause:
    """To be joined with Posting: these columns, and the description, of the oldest that may be the same. The same
    employer, title and place at another site, and nobody has said that they are two. On one site two numbers are two
    openings."""
    other = aliased(Posting)
    alike = and_(
        other.owner_id == Posting.owner_id,
        other.company_key == Posting.company_key,
        other.title_key == Posting.title_key,
        Posting.company_key != "",
        other.company_key != "",  # or its index is of no use
        Posting.title_key != "",
        Posting.duplicate_of.is_(None),
        other.duplicate_of.is_(None),
        _site(other) != _site(Posting),
        or_(_within(Posting.location, other.location), _within(other.location, Posting.location)),
        ~exists()
        .where(
            DistinctPostings.first_id == func.least(Posting.id, other.id),
            DistinctPostings.second_id == func.greatest(Posting.id, other.id),
        )
        .correlate(Posting, other),
    )
    columns = [getattr(other, name) for name in (*names, "description")]
    oldest = select(*columns).where(alike).order_by(other.created_at, other.id).limit(COMPARED)
    return oldest.correlate(Posting).lateral("candidate")


def is_likely(candidate: LateralFromClause) -> ColumnElement[bool]:
    """Its text is much the same, too."""
    return func.posting_texts_alike(Posting.description, candidate.c.description)


def has_likely() -> ColumnElement[bool]:
    """Whether another one is likely the same as a posting."""
    candidate = candidates()
    return select(candidate.c.description).where(is_likely(candidate)).correlate(Posting).exists()


def _site(posting: Any) -> ColumnElement[str]:
    return func.split_part(posting.canonical_url, "/", 3)


def _within(place: Any, other: Any) -> ColumnElement[bool]:
    """`Leeds` and `leeds, West Yorkshire`; no place contradicts none."""
    return func.strpos(func.lower(other), func.lower(func.split_part(place, ",", 1))) > 0
