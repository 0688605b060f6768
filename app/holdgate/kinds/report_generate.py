"""The kind `report.generate`: what became of a run's tasks, or of those created in a period, as files.

    read the tasks in chunks (progress) → HTML, CSV, PDF      all in the step "report"

A member's report is about their own tasks, an admin's about everybody's.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from holdgate.accounts import service as accounts
from holdgate.kinds.report.numbers import Adder, Numbers
from holdgate.kinds.report.page import write_page
from holdgate.kinds.report.table import write_table
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.stats import reports
from holdgate.stats.reports import TaskLine, Which
from holdgate.tasks.kinds import kind
from holdgate.tasks.payloads.artifact import StoredArtifact

CHUNK = 1000
MOST_TASKS = 100_000

ReportFormat = Literal["html", "csv", "pdf"]


class GenerateReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a run or a period; the days are UTC, and both are included."""

    run_id: UUID | None = None
    since: Annotated[date | None, msgspec.Meta(description="First day, by the creation of tasks.")] = None
    until: Annotated[date | None, msgspec.Meta(description="Last day.")] = None
    formats: tuple[ReportFormat, ...] = ("html", "csv", "pdf")

    def __post_init__(self) -> None:
        if (self.run_id is None) == (self.since is None) or (self.since is None) != (self.until is None):
            raise ValueError("Give either run_id, or since and until")
        if self.since is not None and self.until is not None and not 0 <= (self.until - self.since).days <= 3660:
            raise ValueError("until must not be before since, nor more than ten years after it")
        if not self.formats or len(set(self.formats)) != len(self.formats):
            raise ValueError("Give each format once, and at least one")


class Report(msgspec.Struct, frozen=True):
    """`left_out`: tasks beyond the first 100,000."""

    tasks: int
    left_out: int
    files: list[StoredArtifact]


@kind("report.generate", timeout=timedelta(minutes=15))
async def generate_report(ctx: Context, payload: GenerateReport) -> Report:
    """Write a report about a run or a period: HTML, CSV and PDF."""
    return await ctx.step("report", report, ctx, payload)


async def report(ctx: Context, wanted: GenerateReport) -> Report:
    which, title = await _scope(ctx, wanted)
    async with ctx.database.read() as session:
        moment = await reports.now(session)
        total = await reports.count_lines(session, which)
    most = min(total, MOST_TASKS)
    todo = most + len(wanted.formats)
    adder = Adder()
    lines: list[TaskLine] = []
    after = UUID(int=0)
    while len(lines) < most:
        # A session for each chunk: no transaction stays open over the whole of it.
        async with ctx.database.read() as session:
            chunk = await reports.task_lines(session, which, after, min(CHUNK, most - len(lines)))
        if not chunk:
            break  # fewer than were counted: some were deleted
        adder.add(chunk)
        lines += chunk
        after = chunk[-1].id
        await ctx.progress(len(lines), todo, "Reading tasks")
    numbers = adder.numbers(title, moment, total - most)
    files: list[StoredArtifact] = []
    for n, form in enumerate(wanted.formats):
        await ctx.progress(most + n, todo, f"Writing {form.upper()}")
        match form:
            case "html":
                data = await ctx.in_thread(write_page, numbers)
                files.append(await ctx.artifact("report.html", data, "text/html; charset=utf-8"))
            case "csv":
                data = await ctx.in_thread(write_table, lines)
                files.append(await ctx.artifact("report.csv", data, "text/csv; charset=utf-8"))
            case "pdf":
                data = await ctx.in_process(_write_pdf, numbers)
                files.append(await ctx.artifact("report.pdf", data, "application/pdf"))
    await ctx.progress(todo, todo, "Done")
    return Report(len(lines), total - most, files)


def _write_pdf(numbers: Numbers) -> bytes:
    # Imported where it runs, in a process of the pool: fpdf2 and its fonts' library are 30 MB.
    from holdgate.kinds.report.pdf import write_pdf

    return write_pdf(numbers)


async def _scope(ctx: Context, wanted: GenerateReport) -> tuple[Which, str]:
    """Which tasks, and what the report is called."""
    async with ctx.database.read() as session:
        owner = ctx.owner_id
        if owner is not None:
            user = await accounts.find_user(session, owner)
            owner = None if user is not None and user.role == "admin" else owner
        if wanted.run_id is not None:
            name = await reports.run_name(session, wanted.run_id, owner)
            if name is None:
                raise PermanentError("No such run, or it belongs to somebody else.")
            return Which(wanted.run_id, None, None, owner, ctx.task_id), f"Run: {name}"
    assert wanted.since is not None
    assert wanted.until is not None
    first = datetime.combine(wanted.since, time(), UTC)
    behind = datetime.combine(wanted.until, time(), UTC) + timedelta(days=1)
    return Which(None, first, behind, owner, ctx.task_id), f"Tasks from {wanted.since} to {wanted.until}"
