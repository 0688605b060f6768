"""When two postings are likely one, as conditions of statements, and whose id stands for one of several addresses."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from holdgate.postings.models import DistinctPostings, Posting


def kept(posting_id: UUID) -> ScalarSelect[Any]:
    """The posting that an id stands for: of one that is another's address that other."""
    one = aliased(Posting)
    return select(func.coalesce(one.duplicate_of, one.id)).where(one.id == posting_id).scalar_subquery()


def likely_same(one: Any, other: Any) -> ColumnElement[bool]:
    """The same employer, title and place at another site, with much the same text, and nobody has said that they are
    two. On one site two numbers are two openings."""
    return and_(
        other.owner_id == one.owner_id,
        other.company_key == one.company_key,
        other.title_key == one.title_key,
        one.company_key != "",
        other.company_key != "",  # or its index is of no use
        one.title_key != "",
        one.duplicate_of.is_(None),
        other.duplicate_of.is_(None),
        _site(other) != _site(one),
        or_(_within(one.location, other.location), _within(other.location, one.location)),
        ~exists().where(
            DistinctPostings.first_id == func.least(one.id, other.id),
            DistinctPostings.second_id == func.greatest(one.id, other.id),
        ),
        func.posting_texts_alike(one.description, other.description),
    )


def has_likely() -> ColumnElement[bool]:
    """Whether another one is likely the same as a posting."""
    other = aliased(Posting)
    return exists().where(likely_same(Posting, other))


def _site(posting: Any) -> ColumnElement[str]:
    return func.split_part(posting.canonical_url, "/", 3)


def _within(place: Any, other: Any) -> ColumnElement[bool]:
    """`Leeds` and `leeds, West Yorkshire`; no place contradicts none."""
    return func.strpos(func.lower(other), func.lower(func.split_part(place, ",", 1))) > 0
