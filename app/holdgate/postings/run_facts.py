"""How the applications of a run are sent, on its page."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.postings.channels import LABELS, Channel
from holdgate.postings.service import KIND
from holdgate.runs.reads import RunFacts

MOST = 50  # reasons
# Of those that are sent from here each may have a reason of its own: its address.
_WAYS = text(
    """
    SELECT p.channel, CASE p.channel WHEN 'by_hand' THEN p.channel_reason ELSE '' END, count(*)
    FROM tasks t
    JOIN postings p ON p.id = CASE WHEN t.subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                   THEN CAST(t.subject AS uuid) END
    WHERE t.run_id = :run AND t.kind = :kind
    GROUP BY 1, 2
    ORDER BY count(*) DESC, 1, 2
    LIMIT :most
    """
)


async def tell(session: AsyncSession, run_id: UUID) -> RunFacts | None:
    """None: it has no applications, or all of them are sent to the employer's site."""
    found = [
        (Channel(channel), reason, number)
        for channel, reason, number in await session.execute(_WAYS, {"run": run_id, "kind": KIND, "most": MOST})
    ]
    if {channel for channel, _, _ in found} <= {Channel.DIRECT}:
        return None
    facts = [(f"{LABELS[channel]}. {reason}".rstrip(), number) for channel, reason, number in found]
    return RunFacts("ways", "How these applications are sent", facts)
