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

# How trackers say that an application stands (applications/states.py), in any language of the columns. Any other word
# (saved, wishlist, to apply, archived) leaves the question open, so the posting counts as not applied to.
STATUSES: dict[str, tuple[str, ...]] = {
    "sent": (
        "applied", "already applied", "application sent", "application submitted", "awaiting response", "i withdrew",
        "in progress", "in review", "pending", "received", "sent", "submitted", "under consideration", "under review",
        "viewed", "waiting", "waiting for response", "withdrawn", "withdrew", "beworben", "bewerbung gesendet",
        "gesendet", "in prüfung", "candidature envoyée", "en attente", "envoyée", "postulé", "aplicado", "enviada",
        "inscrito", "postulado", "candidatura inviata", "inviata", "gesolliciteerd", "zaaplikowano", "wysłano",
    ),
    "replied": (
        "contacted", "declined", "in contact", "recruiter contact", "replied", "responded", "response received",
        "antwort erhalten", "in kontakt", "réponse reçue", "respondido",
    ),
    "interview": (
        "assessment", "case study", "coding challenge", "final interview", "final round", "hr interview", "interview",
        "interview scheduled", "interviewed", "interviewing", "interviews", "onsite", "on site", "phone interview",
        "phone screen", "screen", "screening", "take home", "technical interview", "technical test",
        "bewerbungsgespräch", "eingeladen", "gespräch", "vorstellungsgespräch", "entretien", "entretiens", "entrevista",
        "entrevistas", "colloquio", "gesprek", "sollicitatiegesprek", "rozmowa",
    ),
    "offer": (
        "accepted", "hired", "negotiating", "negotiation", "offer", "offer accepted", "offer declined",
        "offer extended", "offer received", "offered", "offers", "angebot", "angenommen", "zusage", "acceptée",
        "embauché", "offre", "contratado", "oferta", "offerta", "aanbod", "oferta pracy",
    ),
    "rejected": (
        "closed rejected", "no longer considered", "no longer under consideration", "not moving forward",
        "not selected", "rejected", "rejection", "turned down", "unsuccessful", "abgelehnt", "abgesagt", "absage",
        "refus", "refusé", "refusée", "rechazada", "rechazado", "rifiutata", "rifiutato", "afgewezen", "odrzucono",
    ),
    "no_answer": (
        "ghosted", "no answer", "no reply", "no response", "keine antwort", "pas de réponse", "sans réponse",
        "sin respuesta", "nessuna risposta", "geen reactie",
    ),
}  # fmt: skip
_STATUS_OF = {word: status for status, words in STATUSES.items() for word in words}
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


def tracker_status(cell: str) -> str:
    """How an application stands by a tracker's word (`✅ Interview 2` is interview), "" if it says nothing of one."""
    return _STATUS_OF.get(" ".join(re.findall(r"\b[^\W\d_]+\b", one_line(cell).casefold())), "")


def applied_on(status: str, when: str) -> str:
    """The ISO date on which a row says it was applied to, UNKNOWN when it tells no readable one, "" if not.

    Args:
        status: as `tracker_status` gives it.
    """
    if when.strip():
        return iso_date(when) or UNKNOWN
    return UNKNOWN if status else ""


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
