"""Which column of a table is which: our own names first, then what trackers, boards and other languages call them."""

import re
from datetime import date

from holdgate.postings.formats.rows import UNKNOWN, one_line

REQUIRED = ("title", "company", "url")
KNOWN = (
    *REQUIRED, "location", "apply_url", "description", "external_id", "questions", "status", "applied",
)  # fmt: skip

ALIASES: dict[str, tuple[str, ...]] = {
    "title": (
        "job title", "position", "position title", "role", "job", "job name", "vacancy", "stelle", "stellenbezeichnung",
        "stellentitel", "jobtitel", "titel", "berufsbezeichnung", "poste", "intitulé du poste", "titre", "puesto",
        "cargo", "título", "posizione", "titolo", "functie", "functietitel", "vacature", "stanowisko",
    ),
    "company": (
        "company name", "employer", "employer name", "organisation", "organization", "firm", "firma", "unternehmen",
        "arbeitgeber", "entreprise", "société", "employeur", "empresa", "azienda", "società", "bedrijf", "werkgever",
    ),
    "url": (
        "link", "job url", "job link", "posting url", "posting link", "job posting url", "job posting link",
        "web address", "website", "stellenlink", "webadresse", "lien", "enlace", "href",
    ),
    "location": (
        "place", "city", "job location", "ort", "standort", "arbeitsort", "lieu", "ville", "ubicación", "ciudad",
        "luogo", "sede", "plaats", "locatie", "miejsce",
    ),
    "apply_url": ("apply link", "application url", "application link", "bewerbungslink"),
    "description": (
        "job description", "beschreibung", "stellenbeschreibung", "descripción", "descrizione", "omschrijving",
    ),
    "external_id": ("job id", "requisition id", "reference number"),
    "status": ("stage", "application status", "bewerbungsstatus", "statut", "estado", "stato"),
    "applied": (
        "date applied", "applied on", "applied at", "applied date", "application date", "date of application",
        "beworben am", "bewerbungsdatum", "date de candidature",
    ),
}  # fmt: skip
_BY_NAME = {name.replace("_", " "): name for name in KNOWN} | {
    alias: name for name, aliases in ALIASES.items() for alias in aliases
}

# What the status of a tracker says. Any other word leaves the question open, so the posting counts as not applied to.
_APPLIED = frozenset(
    {
        "accepted", "applied", "application sent", "assessment", "beworben", "declined", "ghosted", "in progress",
        "interview", "interviewing", "interviews", "no response", "offer", "offered", "phone screen", "postulé",
        "rejected", "screening", "sent", "submitted", "waiting", "withdrawn",
    }
)  # fmt: skip
_MONTHS = {
    name: month
    for month, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}


def known(cell: str) -> str:
    """The field that a header names (`Apply URL` is `apply_url`, `Firma` is `company`), or ""."""
    return _BY_NAME.get(_spoken(cell), "")


def own(cell: str) -> bool:
    """Whether a header is our own name of a field, which goes before what others call it."""
    return _spoken(cell).replace(" ", "_") in KNOWN


def _spoken(cell: str) -> str:
    return " ".join(re.sub(r"[\s_\-:*]+", " ", one_line(cell.removeprefix("\ufeff"))).casefold().split())


def applied_on(status: str, when: str) -> str:
    """The ISO date on which a row says it was applied to, UNKNOWN when it tells no readable one, "" if not."""
    if when.strip():
        return iso_date(when) or UNKNOWN
    return UNKNOWN if _spoken(status) in _APPLIED else ""


def iso_date(text: str) -> str:
    """A date as people and programs write it, as YYYY-MM-DD; "" when it is none, or may be two (10/2/26)."""
    text = one_line(text).casefold()
    if found := re.match(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)", text):
        return _date(found[1], found[2], found[3])
    if found := re.match(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{2,4})(?!\d)", text):
        return _date(found[3], found[2], found[1])
    if found := re.match(r"(\d{1,2})/(\d{1,2})/(\d{2,4})(?!\d)", text):
        first, second = int(found[1]), int(found[2])
        if first <= 12 and second <= 12 and first != second:
            return ""
        return _date(found[3], *((found[2], found[1]) if first > 12 else (found[1], found[2])))
    if found := re.match(r"([a-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", text):
        return _date(found[3], str(_MONTHS.get(found[1], 0)), found[2])
    if found := re.match(r"(\d{1,2})(?:st|nd|rd|th)?\.? ([a-z]{3})[a-z]*\.?,? (\d{4})", text):
        return _date(found[3], str(_MONTHS.get(found[2], 0)), found[1])
    return ""


def _date(year: str, month: str, day: str) -> str:
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day)).isoformat()
    except ValueError:
        return ""
