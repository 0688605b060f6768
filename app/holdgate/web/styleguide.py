"""/styleguide, in development only: every component in every state, to look at and to test against."""

from datetime import UTC, datetime, timedelta

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdgate.core.errors import NotFound
from holdgate.core.forms.fields import TYPES, Field, write
from holdgate.web.charts import Chart, Form, Row, Series, Unit
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.render import render

# Those of tasks, runs, approvals, recipients and workers, in the order of a life. The toolkit knows no feature:
# tests/test_architecture.py holds them against the enums.
STATES = (
    *("queued", "scheduled", "running", "retrying", "pending_approval", "needs_input", "needs_auth", "paused"),
    *("succeeded", "dead_letter", "rejected", "changes_requested", "expired", "cancelled"),
    *("resolved", "active", "finished", "waiting", "stopped", "pending", "approved", "answered"),
    *("online", "draining", "lost", "delivered", "undelivered"),
)
NESTED = {
    "posting": {"title": "Typesetter", "company": "Quillwork", "tags": ["type", "print"], "remote": False},
    "answers": [{"question": "Notice period", "answer": "a month"}, {"question": "Visa", "answer": None}],
    "empty": {},
}

TYPED = {
    "textarea": "Some lines\nof text",
    "number": 7,
    "date": "2026-11-29",
    "select": "tu",
    "boolean": True,
    "checkboxes": ["mo", "we"],
    "several": ["tu"],
    "lines": ["one", "two"],
    "json": {"posting_id": 7},
}


class SampleEntry(msgspec.Struct, frozen=True):
    at: datetime
    title: str
    state: str
    actor: str = ""
    detail: str = ""
    data: object = None


class Guide(msgspec.Struct, frozen=True, kw_only=True):
    states: tuple[str, ...]
    at: datetime
    soon: datetime
    later: datetime
    happenings: list[SampleEntry]
    charts: list[Chart]
    nested: object
    fields: list[Field]

    def shown(self, field: Field) -> object:
        """A value of the field, as its control shows it."""
        return write(field, TYPED.get(field.type, "Some text"))


@get("/styleguide", include_in_schema=False)
async def styleguide(request: WebRequest, user: SignedIn) -> Response[str]:
    if not request.app.state.settings.development:
        raise NotFound
    at = datetime(2026, 6, 1, 9, 5, 12, tzinfo=UTC)
    view = Guide(
        states=STATES,
        at=at,
        soon=at + timedelta(minutes=2),
        later=at + timedelta(days=36500),
        happenings=[
            SampleEntry(at, "Queued", "queued", "user:ann@example.org"),
            SampleEntry(at + timedelta(seconds=1), "Claimed", "running", "worker:7f3a", "attempt 1"),
            SampleEntry(at + timedelta(seconds=3), "Holds", "pending_approval", "worker:7f3a", data={"step": "submit"}),
            SampleEntry(at + timedelta(minutes=9), "Approved", "approved", "recipient:ben@example.org"),
            SampleEntry(at + timedelta(minutes=10), "Succeeded", "succeeded", "worker:7f3a"),
        ],
        charts=_charts(at),
        nested=NESTED,
        fields=[
            Field(name=f"typed-{name}", type=name, label=name.capitalize(), options=("mo", "tu", "we"), hint="A hint.")
            for name in TYPES
        ],
    )
    return await render(request, "styleguide.html", view, nav="styleguide")


def _charts(at: datetime) -> list[Chart]:
    """One of each form: with an outlier, with a gap, and of several lines."""
    times = [at.replace(minute=0, second=0) + timedelta(hours=hour) for hour in range(24)]
    ended = [Row(time, [n * 37 % 90 + 10 + 900 * (n == 15), n * 53 % 17]) for n, time in enumerate(times)]
    waits = [Row(time, [0.4 + n % 5, 2.1 + n % 7] if n % 6 else [None, None]) for n, time in enumerate(times)]
    depths = [Row(time, [n * 29 % 40, n * n % 31, n % 4]) for n, time in enumerate(times)]
    two = [Series("Succeeded", "succeeded"), Series("Failed", "dead_letter")]
    half = [Series("p50", "queued"), Series("p95", "queued", light=True)]
    queues = [Series(name, str(n)) for n, name in enumerate(("default", "mail", "webhooks"), 1)]
    forms: list[tuple[str, Form, Unit, list[Series], list[Row]]] = [
        ("Tasks that ended", "stacked", "tasks", two, ended),
        ("Queue time", "layered", "seconds", half, waits),
        ("Queued", "lines", "tasks", queues, depths),
    ]
    return [
        Chart(key=form, title=title, form=form, unit=unit, series=series, rows=rows, span=timedelta(hours=1))
        for title, form, unit, series, rows in forms
    ]


handlers: list[HTTPRouteHandler] = [styleguide]
