"""How many tasks a filter matches, read off the folded counts where those can tell. No history matters then."""

from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.stats import counts as stats
from holdgate.tasks.search.conditions import own_kinds
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.values import ONLY, WITHOUT


def tellable(wanted: TaskFilter) -> bool:
    """Whether the filter says nothing but state, kind, queue and mail, or the run and state."""
    folded = msgspec.structs.replace(wanted, states=(), kind="", queue="", run_id=None, mail="")
    return folded == TaskFilter() and not (wanted.run_id and (wanted.kind or wanted.queue or wanted.mail))


async def totals(session: AsyncSession, scope: UUID | None, wanted: TaskFilter) -> dict[str, int]:
    """State → how many, exact at this moment; of all states, whichever the filter names.

    Args:
        wanted: one that is `tellable`, or of which only run, kind, queue and mail are to count.
    """
    if wanted.run_id:
        return (await stats.counts_by_run(session, [wanted.run_id], scope))[wanted.run_id]
    if not wanted.kind and not wanted.queue and not wanted.mail:
        return await stats.counts_by_state(session, scope)
    return _of(await stats.counts_by_kind(session, scope), wanted)


async def totals_with_mail(
    session: AsyncSession, scope: UUID | None, wanted: TaskFilter
) -> tuple[dict[str, int], dict[str, int]]:
    """The same, and besides what is mail and webhooks of what the filter matches, or would; of no run. One look."""
    counts = await stats.counts_by_kind(session, scope)
    return _of(counts, wanted), _of(counts, msgspec.structs.replace(wanted, mail=ONLY))


def _of(counts: stats.CountsByKind, wanted: TaskFilter) -> dict[str, int]:
    own = own_kinds()
    found: dict[str, int] = {}
    for (queue, kind), states in counts.items():
        of_kind = wanted.kind in ("", kind) and wanted.queue in ("", queue)
        if of_kind and wanted.mail in ("", ONLY if kind in own else WITHOUT):
            for state, n in states.items():
                found[state] = found.get(state, 0) + n
    return found
