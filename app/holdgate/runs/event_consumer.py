"""Following the event log for runs: where their time goes, when they have finished, and telling their owner.

A run has finished when its last task has ended. It is open again when tasks are added, retried or resumed, and may
finish again. All of it is folded from the log, in the transaction that advances the follower's cursor: every finish is
seen once, however many sweepers there are, and nothing counts the tasks themselves.
"""

from datetime import datetime, timedelta
from uuid import UUID

from holdgate.core.db import WriteSession
from holdgate.mail import service as mail
from holdgate.runs import pace_queries, queries, time_queries
from holdgate.runs.mails import Summary
from holdgate.runs.time_queries import StageChange
from holdgate.stats import counts as stats
from holdgate.stats.event_consumer import next_window

FOLLOWER = "runs"
MOST = 10_000  # events of tasks read in one transaction
# Within QUIET of the last notice a finish is mailed only when HANDFUL tasks or more were added or retried since.
QUIET = timedelta(minutes=10)
HANDFUL = 10


async def follow_log(session: WriteSession, *, now: datetime | None = None) -> bool:
    """The sweeper's beat. True: there may be more."""
    window = await next_window(session, FOLLOWER, most=MOST)
    changes = await time_queries.changes_in(session, window) if window else []
    if window and changes:
        await time_queries.fold(session, changes)
        await pace_queries.fold_minutes(session, window, now=now)
        for run_id in await _note_ends(session, changes):
            await _tell(session, run_id, now=now)
    return window is not None and not window.last


async def _note_ends(session: WriteSession, changes: list[StageChange]) -> list[UUID]:
    """Reopen and finish the runs that these changes are about. Returns those that have finished."""
    opened: dict[UUID, int] = {}
    ended: dict[UUID, datetime | None] = {}
    for change in changes:
        opened[change.run_id] = opened.get(change.run_id, 0) + change.opened
        if change.ended_at is not None:
            ended[change.run_id] = max(change.ended_at, ended.get(change.run_id) or change.ended_at)
    await time_queries.reopen(session, {run: n for run, n in opened.items() if n})
    # Only what looks finished is locked, and looked at again then: a busy run's pause must not wait for a sweeper.
    locked = await time_queries.lock_runs(session, await _without_open_tasks(session, list(opened)))
    over = await _without_open_tasks(session, locked)
    return await time_queries.finish(session, {run: ended.get(run) for run in over})


async def _without_open_tasks(session: WriteSession, run_ids: list[UUID]) -> list[UUID]:
    times = await time_queries.times_of(session, run_ids)
    return [run_id for run_id, stages in times.items() if not any(spent.n for spent in stages.values())]


async def _tell(session: WriteSession, run_id: UUID, *, now: datetime | None) -> None:
    person = await time_queries.claim_notice(session, run_id, handful=HANDFUL, quiet=QUIET, now=now)
    if person is None:
        return
    run = await queries.get_run(session, run_id)
    assert run.finished_at is not None
    times = (await time_queries.times_of(session, [run_id]))[run_id]
    await mail.send(
        session,
        template="run_finished",
        to=person.email,
        data=Summary(
            run_id=run_id,
            counts=(await stats.counts_by_run(session, [run_id]))[run_id],
            elapsed=(run.finished_at - run.created_at).total_seconds(),
            stages={stage.value: spent.seconds for stage, spent in times.items()},
        ),
        owner_id=run.owner_id,
        title=f"Email {person.email}: {person.name} finished",
    )
