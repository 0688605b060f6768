"""Other boards' public JSON: Ashby, Workable's widget, Recruitee, SmartRecruiters.

Sources: https://developers.ashbyhq.com/docs/public-job-posting-api,
https://workable.readme.io/reference (widget API), https://docs.recruitee.com/reference/offers,
https://developers.smartrecruiters.com/docs/posting-api.
"""

import html
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from holdgate.postings.formats.description import paragraphs
from holdgate.postings.formats.rows import (
    Draft,
    PartialAnswer,
    RowError,
    RowWarning,
    labelled,
    list_of,
    object_of,
    row_error,
    text_of,
)


def ashby(document: object) -> Iterator[Draft | RowError]:
    """Yield the listed jobs of `{"jobs": [{"jobUrl": …}]}`. The company is the board's name in the address."""
    jobs = list_of(object_of(document).get("jobs"))
    for row, job in enumerate((job for job in jobs if object_of(job).get("isListed") is not False), 1):
        yield _ashby(row, job) if isinstance(job, dict) else row_error(row, "", "This entry is not a job.")


def workable(document: object) -> Iterator[Draft | RowError]:
    """Yield the jobs of `{"name": …, "jobs": [{"shortcode": …}]}`."""
    company = text_of(object_of(document).get("name"))
    for row, job in enumerate(list_of(object_of(document).get("jobs")), 1):
        yield _workable(row, company, job) if isinstance(job, dict) else row_error(row, "", "This entry is not a job.")


def recruitee(document: object) -> Iterator[Draft | RowError]:
    """Yield the offers of `{"offers": [{"careers_url": …}]}`."""
    for row, offer in enumerate(list_of(object_of(document).get("offers")), 1):
        yield _recruitee(row, offer) if isinstance(offer, dict) else row_error(row, "", "This entry is not an offer.")


def smartrecruiters(document: object) -> Iterator[Draft | RowError | RowWarning]:
    """Yield the postings of `{"content": [{"id": …, "company": …}]}`, or the one that a document is."""
    outer = object_of(document)
    total, told = outer.get("totalFound"), len(list_of(outer.get("content")))
    if isinstance(total, int) and "content" in outer and total > told:
        yield PartialAnswer(0, "", f"The board has {total:,} postings, of which it tells the newest {told:,} at once.")
    for row, job in enumerate(list_of(outer.get("content", document)), 1):
        yield (
            _smartrecruiters(row, job) if isinstance(job, dict) else row_error(row, "", "This entry is not a posting.")
        )


def _smartrecruiters(row: int, job: Mapping[str, object]) -> Draft:
    company, place = object_of(job.get("company")), object_of(job.get("location"))
    url = text_of(job.get("postingUrl"))
    if not url and company.get("identifier") and job.get("id"):
        url = f"https://jobs.smartrecruiters.com/{company['identifier']}/{job['id']}"
    places = [text_of(place.get(name)) for name in ("city", "region", "country")]
    if place.get("remote") is True:
        places.append("Remote")
    sections = object_of(object_of(job.get("jobAd")).get("sections"))
    return Draft(
        row=row,
        title=text_of(job.get("name")),
        company=text_of(company.get("name")),
        url=url,
        location=", ".join(filter(None, places)),
        apply_url=text_of(job.get("applyUrl")),
        description="".join(
            f"<h3>{html.escape(text_of(part.get('title')))}</h3>{text_of(part.get('text'))}"
            for part in map(object_of, sections.values())
        ),
        external_id=text_of(job.get("id")),
        extra=labelled(
            department=object_of(job.get("department")).get("label"),
            employment_type=object_of(job.get("typeOfEmployment")).get("label"),
            date_posted=job.get("releasedDate"),
        ),
    )


def _ashby(row: int, job: Mapping[str, object]) -> Draft:
    url = text_of(job.get("jobUrl"))
    places = [text_of(job.get("location"))]
    places += [text_of(object_of(place).get("location")) for place in list_of(job.get("secondaryLocations"))]
    return Draft(
        row=row,
        title=text_of(job.get("title")),
        company=_first_segment(url),
        url=url,
        location="; ".join(dict.fromkeys(filter(None, places))),
        apply_url=text_of(job.get("applyUrl")),
        description=text_of(job.get("descriptionHtml")) or paragraphs(text_of(job.get("descriptionPlain"))),
        external_id=text_of(job.get("id")),
        extra=labelled(
            department=job.get("department"),
            team=job.get("team"),
            employment_type=job.get("employmentType"),
            workplace=job.get("workplaceType"),
            date_posted=job.get("publishedAt"),
        ),
    )


def _workable(row: int, company: str, job: Mapping[str, object]) -> Draft:
    places = [text_of(job.get("city")), text_of(job.get("state")), text_of(job.get("country"))]
    if job.get("telecommuting") is True:
        places.append("Remote")
    return Draft(
        row=row,
        title=text_of(job.get("title")),
        company=company,
        url=text_of(job.get("url")),
        location=", ".join(filter(None, places)),
        apply_url=text_of(job.get("application_url")),
        description=text_of(job.get("description")),
        external_id=text_of(job.get("shortcode")),
        extra=labelled(
            department=job.get("department"),
            employment_type=job.get("employment_type"),
            date_posted=job.get("published_on"),
        ),
    )


def _recruitee(row: int, offer: Mapping[str, object]) -> Draft:
    return Draft(
        row=row,
        title=text_of(offer.get("title")),
        company=text_of(offer.get("company_name")),
        url=text_of(offer.get("careers_url")),
        location=text_of(offer.get("location")),
        apply_url=text_of(offer.get("careers_apply_url")),
        description=text_of(offer.get("description")) + text_of(offer.get("requirements")),
        external_id=text_of(offer.get("id")),
        extra=labelled(department=offer.get("department"), date_posted=offer.get("published_at")),
    )


def _first_segment(url: str) -> str:
    """The board's name in an address: `lagoon-glass` of https://jobs.ashbyhq.com/lagoon-glass/a1."""
    try:
        return unquote(urlsplit(url).path.strip("/").partition("/")[0])
    except ValueError:
        return ""
