"""What tasks need from time to time: moved when their time comes, buried when they are stuck, forgotten when old."""

from functools import partial

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.telemetry import log
from holdgate.core.upkeep import CHUNK, MINUTE, SAFETY, Round, Upkeep
from holdgate.stats.upkeep import NEW_EVENTS, TO_FOLLOW
from holdgate.tasks.artifacts import forget_files
from holdgate.tasks.failures import fingerprints, groups
from holdgate.tasks.queue import archiving, limits, moves, orphans, retention
from holdgate.tasks.search import words
from holdgate.tasks.service import announce_ready

PRUNE_CHUNK = 500
STRAYS_EVERY = 15.0
ADD_UP_PART = 50  # every row is read: where many people have many errors, that is not for every second

logger = log.get(__name__)

_TIME_HAS_COME = text("EXISTS (SELECT FROM tasks WHERE state IN ('scheduled', 'retrying') AND run_at <= now())")
_NEW_LIMITS = text("EXISTS (SELECT FROM kind_limits WHERE settled_at IS NULL)")
_OVERDUE = text("EXISTS (SELECT FROM tasks WHERE deadline_at <= now() AND finished_at IS NULL AND state <> 'running')")


async def _promote(session: WriteSession, _: Round) -> bool:
    moved = await moves.promote_due(session, limit=CHUNK)
    announce_ready(session, moved)
    return len(moved) == CHUNK


async def _mark_limited(session: WriteSession, _: Round) -> bool:
    return await limits.settle(session, limit=CHUNK)


async def _bury_overdue(session: WriteSession, _: Round) -> bool:
    return len(await moves.bury_overdue(session, limit=CHUNK)) == CHUNK


async def _add_up_errors(session: WriteSession, _: Round) -> bool:
    await groups.add_up(session)
    return False


async def _prune(session: WriteSession, sweep: Round) -> bool:
    """Tasks that finished long ago, into the archive first where there is one."""
    settings, rules = sweep.settings, rules_of(sweep.settings)
    if settings.retention_archive:
        old = await retention.find_old(session, rules, limit=archiving.CHUNK)
        if old.ids:
            sweep.after.append(partial(archiving.archive_old, sweep.database, settings, rules, old))
        elif not old.more:
            await retention.forget_traces(session, rules, limit=PRUNE_CHUNK)
        return old.more
    pruned = await retention.prune_tasks(session, rules, limit=PRUNE_CHUNK)
    if pruned.files:
        # Only after the commit: rows that came back by a rollback must have their files.
        sweep.after.append(partial(forget_files, settings, pruned.files))
    return pruned.more


def rules_of(settings: Settings) -> retention.Rules:
    return retention.Rules(
        finished=settings.retention,
        decided=settings.retention_approvals,
        dead_letters=settings.retention_dead_letters,
    )


async def _bury_strays(session: WriteSession, sweep: Round) -> bool:
    """Tasks that nobody serves and tasks that run for ever, when that is set."""
    moved = []
    if sweep.settings.stuck_timeout is not None:
        moved += await orphans.bury_stuck(session, sweep.settings.stuck_timeout, limit=CHUNK)
    if sweep.settings.orphan_timeout is not None:
        await orphans.note_orphans(session)
        moved += await orphans.bury_orphans(session, sweep.settings.orphan_timeout, limit=CHUNK)
    for row in moved[:100]:
        logger.warning("stray_buried", task=str(row.id), queue=row.queue)
    return len(moved) >= CHUNK


async def _name_errors(session: WriteSession, _: Round) -> bool:
    """Fingerprints for dead letters that came without one."""
    return await fingerprints.fill_missing(session, limit=CHUNK) == CHUNK


async def _index_words(session: WriteSession, _: Round) -> bool:
    return await words.follow_log(session)


UPKEEP = (
    Upkeep("promote", SAFETY, _promote, _TIME_HAS_COME),
    Upkeep("mark_limited", SAFETY, _mark_limited, _NEW_LIMITS),
    Upkeep("bury_overdue", SAFETY, _bury_overdue, _OVERDUE),
    Upkeep("index_words", SAFETY, _index_words, TO_FOLLOW),
    Upkeep("add_up_errors", MINUTE, _add_up_errors, NEW_EVENTS, share=ADD_UP_PART),
    Upkeep("prune", MINUTE, _prune),
    Upkeep("bury_strays", STRAYS_EVERY, _bury_strays),
    Upkeep("name_errors", STRAYS_EVERY, _name_errors),
)
