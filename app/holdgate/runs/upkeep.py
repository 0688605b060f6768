"""What runs need from time to time: their tasks brought along, and the log followed."""

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.retention.pruning import prune
from holdgate.core.upkeep import RETENTION, SAFETY, Round, Upkeep
from holdgate.runs import event_consumer, retention, service
from holdgate.runs.states import STAGES, Stage
from holdgate.stats import rollups
from holdgate.stats.upkeep import TO_FOLLOW

# The stages whose length is worth a histogram.
TIMED = {state.value: stage.value for state, stage in STAGES.items() if stage is not Stage.LATER}

_UNSETTLED = text("EXISTS (SELECT FROM runs WHERE settled_at IS NULL)")


async def _settle(session: WriteSession, _: Round) -> bool:
    return await service.settle(session)


async def _follow(session: WriteSession, _: Round) -> bool:
    return await event_consumer.follow_log(session)


async def _fold_minutes(session: WriteSession, _: Round) -> bool:
    return await rollups.fold(session, TIMED)


async def _prune(session: WriteSession, sweep: Round) -> bool:
    kept = sweep.settings.retention_runs
    return kept is not None and await prune(session, sweep, retention.RUNS, kept)


UPKEEP = (
    Upkeep("settle_runs", SAFETY, _settle, _UNSETTLED),
    Upkeep("follow_runs", SAFETY, _follow, TO_FOLLOW),
    Upkeep("fold_minutes", SAFETY, _fold_minutes, TO_FOLLOW),
    Upkeep("delete_runs", SAFETY, retention.discard, retention.DELETED),
    Upkeep("prune_runs", RETENTION, _prune),
)
