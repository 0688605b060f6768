"""The employers of a campaign: their boards, their pictures, and the sites that take applications."""

import csv
import email
import email.policy
import io
import json
import sys
from collections.abc import Iterable, Mapping
from email.message import EmailMessage
from typing import Any, NamedTuple

from tests.kinds.pictures import picture

COMPANY = "Mill"
KEEPS, FORGETS = "keeps", "forgets"  # whether a site counts the requests of one key once
JOBS = 4  # on a board
# A host is asked for its board once a minute, and each address is a host. Only Linux has all of them.
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(1, 9 if sys.platform == "linux" else 2))
WIDTH = 60  # of a picture
PICTURE = picture("PNG", (WIDTH, 40))
INVITED = "I am invited to an interview"  # what always comes of an application
RESUME = b"A miller's resume.\n"


class SiteAnswer(NamedTuple):
    body: bytes = b"ok"
    status: str = "200 OK"
    headers: Mapping[str, str] = {}


class SentApplication(NamedTuple):
    """One request that has reached a site."""

    name: str
    keeps: bool
    key: str
    letter: str


def answer(method: str, path: str) -> SiteAnswer:
    """What the server outside says in its best mood."""
    _, place, *rest = path.split("/")
    if place == "picture":
        return SiteAnswer(PICTURE, headers={"Content-Type": "image/png"})
    if place == "boards":
        return SiteAnswer(
            json.dumps({"jobs": list(_jobs(rest[0]))}).encode(), headers={"Content-Type": "application/json"}
        )
    if place == "apply":
        headers = {"Content-Type": "application/json"}
        if rest[0] == KEEPS:
            headers["Accept-Idempotency-Key"] = "?1"
        received = json.dumps({"receipt": f"r-{rest[1]}"}).encode()
        return SiteAnswer(received, "201 Created" if method == "POST" else "200 OK", headers)
    return SiteAnswer()


def _jobs(board: str) -> Iterable[dict[str, Any]]:
    for number in range(JOBS):
        url = job_url(board, number)
        yield {"id": number, "title": f"{board} job {number}", "absolute_url": url, "company_name": COMPANY}


def job_url(board: str, number: int) -> str:
    return f"https://boards.example/{board}/{number}"


def posting_url(name: str) -> str:
    return f"https://mill.example/jobs/{name}"


def postings_file(outside: str, sites: Mapping[str, str]) -> str:
    """A CSV file of postings, by their names, each with the sort of its site."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["title", "company", "url", "apply_url"])
    for name, sort in sites.items():
        rows.writerow([name, COMPANY, posting_url(name), f"{outside}/apply/{sort}/{name}"])
    return out.getvalue()


def title_of(name: str) -> str:
    """Of the request to approve an application."""
    return f"Apply for {name} at {COMPANY}"


def arrival_title_of(name: str) -> str:
    """Of the question that is put when nobody knows whether it has arrived."""
    return f"Has {COMPANY} received your application for {name}?"


def sent_applications(lines: Iterable[dict[str, Any]]) -> list[SentApplication]:
    """What of that which has reached the server outside are applications."""
    found = []
    for one in lines:
        parts = one["path"].split("/")
        if one["method"] == "POST" and parts[1] == "apply":
            letter = _form(one["headers"]["content-type"], one["body"])["cover_letter"]
            found.append(SentApplication(parts[3], parts[2] == KEEPS, one["headers"]["idempotency-key"], letter))
    return found


def _form(content_type: str, body: str) -> dict[str, str]:
    """The fields of a multipart form."""
    whole = email.message_from_string(f"Content-Type: {content_type}\n\n{body}", policy=email.policy.default)
    assert isinstance(whole, EmailMessage)
    fields = {}
    for part in whole.iter_parts():
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = str(part.get_payload()).strip()
    return fields
