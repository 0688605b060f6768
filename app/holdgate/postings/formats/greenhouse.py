"""Greenhouse's Job Board API: a board's `{"jobs": […]}` or `{"departments": […]}`, a list of jobs, or one job.

Source: https://developers.greenhouse.io/job-board.html. `content` is HTML escaped once more; `questions` is
there when the job was asked for with `?questions=true`.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from holdgate.postings.formats.description import unescaped
from holdgate.postings.formats.questions import questions_of, unasked
from holdgate.postings.formats.rows import (
    Draft,
    PostingQuestion,
    RowError,
    RowWarning,
    host_of,
    labelled,
    list_of,
    object_of,
    row_error,
    text_of,
)


def postings(document: object) -> Iterator[Draft | RowError]:
    """Yield the jobs of a decoded document; `row` counts them from 1."""
    for row, job in enumerate(_jobs(document), 1):
        yield _draft(row, job) if isinstance(job, dict) else row_error(row, "", "This entry is not a job.")


def _jobs(document: object) -> list[object]:
    """Jobs of a board; of its departments once each, though a job may belong to several."""
    outer = object_of(document)
    if "departments" not in outer or "absolute_url" in outer:
        return list_of(outer.get("jobs", document))
    jobs = [job for department in list_of(outer["departments"]) for job in list_of(object_of(department).get("jobs"))]
    return list({str(object_of(job).get("absolute_url", index)): job for index, job in enumerate(jobs)}.values())


def _draft(row: int, job: Mapping[str, object]) -> Draft:
    url = text_of(job.get("absolute_url"))
    errors = []
    questions: list[PostingQuestion] = []
    warnings: list[RowWarning] = []
    try:
        questions, warnings = questions_of(job.get("questions"), row)
    except ValueError as error:
        errors.append(row_error(row, "questions", str(error)))
    if more := unasked(job):
        message = f"The form also asks for {', '.join(more)}. That cannot be sent from here: apply on the site."
        warnings.append(RowWarning(row, "questions", message))
    company = text_of(job.get("company_name")).strip() or _board(url)
    if not company and (company := host_of(url)):
        warnings.append(RowWarning(row, "company", f"The file names no company; its site, {company}, stands in."))
    return Draft(
        row=row,
        title=text_of(job.get("title")),
        company=company,
        url=url,
        location=text_of(object_of(job.get("location")).get("name")),
        description=unescaped(text_of(job.get("content"))),
        external_id=text_of(job.get("id")),
        questions=questions,
        extra=labelled(
            departments=_names(job.get("departments")),
            offices=_names(job.get("offices")),
            requisition_id=job.get("requisition_id"),
            updated_at=job.get("updated_at"),
            also_asks_for=", ".join(more),
        ),
        errors=errors,
        warnings=warnings,
    )


def _board(url: str) -> str:
    """Return the board's token out of an address on greenhouse.io, which is the company's name run together."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host != "greenhouse.io" and not host.endswith(".greenhouse.io"):
            return ""
        segment = parts.path.strip("/").partition("/")[0]
        return parse_qs(parts.query).get("for", [""])[0] if segment == "embed" else segment
    except ValueError:
        return ""


def _names(value: object) -> str:
    return ", ".join(name for item in list_of(value) if (name := text_of(object_of(item).get("name"))))
