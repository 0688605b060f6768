"""What questions of application forms are about: which of them are the same, and which have legal weight.

An answer that a person has once given is used again where the same is asked in other words. What has legal weight (a
work permit, a criminal record, salary, who somebody is, a consent) is never answered for them: it is proposed.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

KNOWN = 4096  # questions: a form's are compared with all that a person has answered, each several times

LEGAL: Mapping[str, re.Pattern[str]] = {
    "work permit": re.compile(
        r"\b(work|employment|working) (permit|authori[sz]ation|visa|eligibility|rights?)\b"
        r"|\b(authori[sz]ed|allowed|eligible|entitled|right|permitted|legally able) to (legally )?work\b"
        r"|\bwork_?permit\b|arbeitserlaubnis|aufenthaltstitel|permis de travail"
    ),
    "sponsorship": re.compile(r"\bsponsor|\bvisa\b|visum"),
    "criminal record": re.compile(
        r"\bcriminal|\bconvict|\bfelony|\bmisdemean|background check|vorstraf|vorbestraft|fuhrungszeugnis"
        r"|casier judiciaire"
    ),
    "demographic": re.compile(
        r"\bgender\b|\bsex\b|pronoun|ethnic|\brac(e|ial)\b|veteran|disab|sexual orientation|religio|nationality|citizen"
        r"|date of birth|birth ?da(te|y)|\bhow old\b|\byour age\b|marital|hispanic|latino|transgender|geschlecht"
        r"|behinder|staatsangehorig|geburtsdatum|geburtstag|familienstand"
    ),
    "salary": re.compile(
        r"salar|compensation|\bwages?\b|\bpay (expect|range|rate)|(desired|expected|current) pay\b|remuneration|gehalt"
        r"|stundenlohn|bruttolohn|pretentions salariales"
    ),
    "consent": re.compile(r"\bconsent\b|privacy|\bi (agree|accept|certify|declare|confirm)\b|\bgdpr\b|datenschutz"),
}
TOPICS: Mapping[str, re.Pattern[str]] = {
    "notice period": re.compile(r"notice period|kundigungsfrist|delai de preavis"),
    "first day": re.compile(
        r"(earliest|possible|available|when|desired).*\bstart|start(ing)? date|eintrittstermin|antreten"
    ),
    "moving": re.compile(r"relocat|\bumzug|umziehen"),
    "linkedin": re.compile(r"linked ?in"),
    "github": re.compile(r"git ?hub"),
    "website": re.compile(r"\b(web ?site|homepage|portfolio (url|link))\b"),
    "how found": re.compile(r"how (did|have) you (hear|heard|find|found|learn|come)|wie .*\b(aufmerksam|erfahren)"),
}


@lru_cache(KNOWN)
def normalised(text: str) -> str:
    """Its words alone: without case, accents and signs."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(" " if not sign.isalnum() else sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(letters.split())


@lru_cache(KNOWN)
def legal_weight(text: str) -> str:
    """What about, or "" for none."""
    return _first(LEGAL, normalised(text.replace("_", " ")))


@lru_cache(KNOWN)
def topic(text: str) -> str:
    """What it asks, in whatever words, or "" for what is only itself."""
    return _first(TOPICS, normalised(text.replace("_", " ")))


def _first(patterns: Mapping[str, re.Pattern[str]], text: str) -> str:
    return next((name for name, pattern in patterns.items() if pattern.search(text)), "")


def answer_among(answers: Mapping[str, str], *asked: str) -> str | None:
    """The answer that a person has kept for a question, by its label or name: of the same words, or of its topic."""
    known = {normalised(question): value for question, value in answers.items()}
    for text in asked:
        if (value := known.get(normalised(text))) is not None:
            return value
    about = [(topic(text) or legal_weight(text)) for text in asked]
    wanted = next((one for one in about if one), "")
    same = (
        value for question, value in answers.items() if wanted and wanted in (topic(question), legal_weight(question))
    )
    return next(same, None)
