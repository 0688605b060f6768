"""/errors/{digest}: one error in every kind that has it, from its cause to its repair."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.alarms import service as alarms
from holdgate.core.errors import NotFound
from holdgate.core.text.masking import masked, masked_text
from holdgate.overview.charts import EACH
from holdgate.runs import lookup as runs
from holdgate.stats.failures import ErrorName, names_of, trend_of
from holdgate.stats.rollups import EPOCH, PERIODS, Period
from holdgate.tasks.failures.one_error import ErrorNow, error_now
from holdgate.web.charts import Chart, Row, Series
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """`error`: what the newest task with it stored, with its traceback. `trend`: how often it came in the `period`."""

    digest: str
    type: str
    message: str
    kinds: list[str]
    names: list[ErrorName]
    now: ErrorNow
    runs: list[tuple[UUID, str, int]]
    error: Any
    muted: bool
    period: str
    trend: Chart


@get("/errors/{digest:str}")
async def show_error(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    digest: FromPath[str],
    period: FromQuery[str] = "day",
) -> Response[str]:
    chosen = PERIODS.get(period) or PERIODS["day"]
    names = await names_of(read, digest, user.scope)
    now = await error_now(read, digest, user.scope)
    error = masked(now.newest.error) if now.newest else None
    if not names and now.newest is None:
        raise NotFound("No such error, or no task of yours had it lately.")
    said: Any = error or {}
    run_names = await runs.names_of(read, [run_id for run_id, _ in now.runs])
    of = [each.fingerprint for each in names] or [str(now.newest.fingerprint if now.newest else "")]
    view = ErrorView(
        digest=digest,
        type=names[0].error_type if names else str(said.get("type", "")),
        message=masked_text(names[0].message) if names else str(said.get("message", "")),
        kinds=sorted({print_.rpartition(":")[0] for print_ in of}),
        names=names,
        now=now,
        runs=[(run_id, run_names.get(run_id, ""), n) for run_id, n in now.runs],
        error=error,
        muted=any(each.digest == digest for each in await alarms.muted(read, user)),
        period=chosen.name,
        trend=_chart(chosen, await trend_of(read, of, user.scope, span=chosen.span, count=chosen.count, epoch=EPOCH)),
    )
    return await render(request, "tasks/error.html", view, nav="dead-letters")


def _chart(period: Period, trend: list[tuple[datetime, int]]) -> Chart:
    return Chart(
        key="trend",
        title=f"Failed attempts per {EACH[period.name]}",
        form="stacked",
        unit="tasks",
        series=[Series("Failed attempts", "dead_letter")],
        rows=[Row(at, [n]) for at, n in trend],
        span=timedelta(minutes=period.span),
    )


@post("/errors/{digest:str}/mute")
async def mute_error(request: WebRequest, user: SignedIn, write: Write, digest: FromPath[str]) -> Response[str]:
    await alarms.mute(write, user, digest)
    return see_other(request, f"/errors/{digest}", "Muted. Your alarms no longer count it.")


@post("/errors/{digest:str}/unmute")
async def unmute_error(request: WebRequest, user: SignedIn, write: Write, digest: FromPath[str]) -> Response[str]:
    await alarms.unmute(write, user, digest)
    return see_other(request, "/settings/alarms#muted", "Unmuted. Your alarms count it again.")


handlers = [show_error, mute_error, unmute_error]
