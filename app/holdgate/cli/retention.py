"""What retention would delete."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from holdgate.cli.attached import servers

if TYPE_CHECKING:
    from holdgate.core.config import Settings
    from holdgate.core.db import WriteSession


@click.command()
def retention() -> None:
    """Show what would be deleted by the settings of retention, now and within a week. Changes nothing.

    To see it before you change one: RETENTION=7d holdgate retention
    """
    from holdgate.core.text.durations import write_duration
    from holdgate.development import in_transaction

    with servers() as settings:
        rows = in_transaction(settings, lambda session: _rows(session, settings))
    click.echo(f"{'what':<30}{'setting':<24}{'kept':<10}{'there':>12}{'goes now':>12}{'in a week':>12}")
    for what, setting, kept, there, now, week in rows:
        counts = "".join(f"{'-' if count is None else f'{count:,}':>12}" for count in (there, now, week))
        click.echo(f"{what:<30}{setting:<24}{'for ever' if kept is None else write_duration(kept):<10}{counts}")
    place = settings.artifact_store if settings.retention_archive else ""
    click.echo(f"\nArchived first, to {place}/archive." if place else "\nNothing is archived (RETENTION_ARCHIVE=yes).")


Row = tuple[str, str, timedelta | None, int | None, int, int | None]


async def _rows(session: "WriteSession", settings: "Settings") -> list[Row]:
    from holdgate.audit.retention import LOGS
    from holdgate.core.retention.pruning import count_old
    from holdgate.runs.retention import RUNS
    from holdgate.tasks.queue.retention import preview
    from holdgate.tasks.upkeep import rules_of

    names = ("retention", "retention_approvals", "retention_dead_letters")
    rows: list[Row] = [
        (going.sort, name.upper(), getattr(settings, name), going.there, going.now, going.week)
        for name, going in zip(names, await preview(session, rules_of(settings)), strict=True)
    ]
    audit, runs = settings.retention_audit, settings.retention_runs
    old = 0 if audit is None else sum([await count_old(session, log, audit) for log in LOGS])
    rows.append(("lines of the audit", "RETENTION_AUDIT", audit, None, old, None))
    old = 0 if runs is None else await count_old(session, RUNS, runs)
    rows.append(("finished runs without tasks", "RETENTION_RUNS", runs, None, old, None))
    return rows
