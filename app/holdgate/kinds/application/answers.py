"""What a careers site's answer to an application means. Sites differ: when in doubt, a person is asked to look."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import msgspec
from sqlalchemy import func, select

from holdgate.core.network import outgoing
from holdgate.kinds.application.packet import NotTaken, Packet, Refusal, SignInWanted, SiteReceipt, Unclear
from holdgate.runtime.attempts.context import Context

RECEIPTS = ("receipt", "receipt_id", "application_id", "applicationId", "confirmation", "reference", "id")
REFUSED_FOR_NOW = (408, 425, 429, 503)  # by their meaning the application has not been taken
NO_FORM = (404, 405, 410, 501)  # a page to read, or none any more: nothing there takes applications
UNKNOWN = (409,)  # and every other 5xx; 409: taken before, or the attempt before is still being worked on
KEEPS_KEYS = "Accept-Idempotency-Key"
# Words by which sites say that they have an application of this person: perhaps ours, whose answer was lost.
_TAKEN_BEFORE = re.compile(
    r"already\b.{0,40}\b(appl|submit|receiv|exist)|(have|has|was) (previously )?applied|previously applied"
    r"|duplicate (application|submission|candidate)|bereits\b.{0,40}\b(beworben|eingereicht|bewerbung)"
    r"|déjà (postulé|candidat)|ya (te )?has (postulado|aplicado|inscrito)",
    re.IGNORECASE,
)
# Pages that sort people from programs, by what their makers put into head or page.
_WALL_HEADERS = ("cf-mitigated", "x-amzn-waf-action")
_WALL = re.compile(
    rb"cf-chl|cf-turnstile|g-recaptcha|h-captcha|hcaptcha\.com|captcha-delivery|px-captcha|<title>Just a moment"
    rb"|(verify|confirm)( that)? you are (a )?human|are you a robot|not a robot",
    re.IGNORECASE,
)
LONGEST = 1000  # characters of a site's words that are passed on

_PASSWORD_FIELD = re.compile(rb"<input[^>]{0,500}\btype\s*=\s*[\"']?password\b", re.IGNORECASE)


class SiteBusy(Exception):
    """The site cannot take the application now. Whether it has is not known; it keeps the key, which will tell."""


def keeps_keys(response: httpx.Response) -> bool:
    """Whether the site says that it counts the requests of one Idempotency-Key once (docs/applications.md)."""
    return response.headers.get(KEEPS_KEYS, "").strip().lower() in ("?1", "1", "true")


async def judge(
    ctx: Context, packet: Packet, letter: str, response: httpx.Response
) -> SiteReceipt | Refusal | SignInWanted | NotTaken | Unclear:
    """Raises SiteBusy: not known, but the same may be sent again."""
    status, host = response.status_code, response.url.host
    said = _words(response)
    if _is_wall(response):
        reason = f"{host} wants to see that a person is asking ({status}), so nothing was sent."
        return Refusal(round=ctx.task.round, reason=reason, no_form=True)
    if status in (401, 403) or _is_login_page(response):
        return SignInWanted(url=_login_url(response, packet), host=host, said=said)
    if response.request.method != "POST":
        # A page that a redirect led to: what it says is not about the application.
        return Unclear(round=ctx.task.round, status=status, host=host, at=await now(ctx))
    busy = f"{host} answered {status}{f': {said}' if said else ''}."
    if status in REFUSED_FOR_NOW:
        wait = outgoing.retry_after(response)
        return NotTaken(attempt=ctx.attempt, reason=busy, wait=wait.total_seconds() if wait else None)
    if status in UNKNOWN or status >= 500:
        if keeps_keys(response) and not _TAKEN_BEFORE.search(said):
            raise SiteBusy(busy)
        return Unclear(round=ctx.task.round, status=status, host=host, at=await now(ctx), said=busy)
    if status in NO_FORM:
        reason = f"{host} takes no applications at this address ({status})."
        return Refusal(round=ctx.task.round, reason=reason, no_form=True)
    if said and _TAKEN_BEFORE.search(said) and (status >= 400 or _denies(response)):
        return Unclear(round=ctx.task.round, status=status, host=host, at=await now(ctx), said=busy)
    if status >= 400 or (said and _denies(response)):
        return Refusal(round=ctx.task.round, reason=f"{host} refused the application ({status}): {said or 'no reason'}")
    receipt = _receipt_in(response)
    if receipt is None:
        return Unclear(round=ctx.task.round, status=status, host=host, at=await now(ctx))
    return SiteReceipt(
        receipt=receipt,
        status=status,
        url=packet.apply_url,
        sent_at=_received_at(response) or await now(ctx),
        cover_letter_sha256=sha256(letter.encode()).hexdigest(),
    )


def _is_wall(response: httpx.Response) -> bool:
    """Whether it is for people alone, whoever they are; after a sign-in it would be no other."""
    if any(name in response.headers for name in _WALL_HEADERS):
        return True
    shut = response.status_code in (401, 403, 405, 406, 429, 503)
    # DataDome names itself in every answer of a site, also in a receipt; these are the ones by which it refuses.
    refused = response.status_code in (401, 403) and "x-datadome" in response.headers
    return not _is_login_page(response) and (refused or (shut and bool(_WALL.search(response.content))))


def _is_login_page(response: httpx.Response) -> bool:
    return "html" in response.headers.get("Content-Type", "") and bool(_PASSWORD_FIELD.search(response.content))


def _login_url(response: httpx.Response, packet: Packet) -> str:
    """Where to sign in: what the site names, the page that it showed, or its form. A person will open it."""
    named = _object(response).get("login_url")
    if isinstance(named, str):
        try:
            return str(outgoing.checked_url(named))
        except outgoing.BadUrl:
            pass
    return str(response.url) if _is_login_page(response) else packet.apply_url


def _object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in the answer, empty when it is something else."""
    try:
        value = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _receipt_in(response: httpx.Response) -> str | None:
    """The site's word for what it took; empty when it says only that it did; None when it does not say so."""
    told = _object(response)
    if told.get("error") or told.get("errors") or told.get("ok") is False or told.get("success") is False:
        return None
    for name in RECEIPTS:
        if isinstance(told.get(name), str | int) and not isinstance(told[name], bool) and told[name] != "":
            return str(told[name]).replace("\0", "")[:200]
    accepted = response.status_code == 201 or told.get("ok") or told.get("success")
    return "" if accepted else None


def _denies(response: httpx.Response) -> bool:
    told = _object(response)
    return told.get("ok") is False or told.get("success") is False


def _received_at(response: httpx.Response) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(_object(response).get("received_at", "")))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


async def now(ctx: Context) -> datetime:
    async with ctx.database.read() as session:
        moment: datetime = (await session.execute(select(func.now()))).scalar_one()
    return moment


def _words(response: httpx.Response) -> str:
    """What the site says is wrong, as one line: its sentences by field, or its one sentence."""
    told = _object(response)
    parts = list(_sentences(told.get("errors"))) or list(_sentences(told.get("detail") or told.get("message")))
    parts = parts or list(_sentences(told.get("error")))
    return " ".join("; ".join(parts).replace("\0", "").split())[:LONGEST]


def _sentences(errors: Any) -> Iterator[str]:
    """`"…"`, `["…"]`, `[{"field": …, "message": …}]` or `{"field": "…" or ["…"]}` → `field: sentence`."""
    if isinstance(errors, str):
        yield errors
    elif isinstance(errors, list):
        for error in errors:
            if isinstance(error, dict) and "message" in error:
                field = error.get("field") or error.get("name")
                yield f"{field}: {error['message']}" if field else str(error["message"])
            elif isinstance(error, str):
                yield error
    elif isinstance(errors, dict):
        for field, sentences in errors.items():
            yield from (f"{field}: {sentence}" for sentence in _sentences(sentences))
