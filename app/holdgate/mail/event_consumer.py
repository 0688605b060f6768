"""Following the event log for mails that ended unsent and not by their own handler, which tells the letter itself:
cancelled by a person, buried when its workers were lost, its deadline passed or nobody served its queue.
"""

from typing import Any

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.telemetry import log
from holdgate.mail.errors import LetterMismatch, UnknownLetter
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.service import KIND
from holdgate.stats.event_consumer import next_window

FOLLOWER = "mail"
MOST = 10_000  # events of tasks read in one transaction

# What the handler has told is one of its steps.
_ENDED = text(
    """
    SELECT DISTINCT ON (t.id) t.payload ->> 'template', t.payload -> 'data', t.state, coalesce(t.reason, '')
    FROM task_events e JOIN tasks t ON t.id = e.task_id
    WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
      AND e.kind = :kind AND e.to_state IN ('cancelled', 'dead_letter') AND t.state = e.to_state
      AND NOT EXISTS (SELECT FROM task_steps s WHERE s.task_id = t.id AND s.name IN ('sent', 'undelivered'))
    ORDER BY t.id
    """
)

logger = log.get(__name__)


async def follow_log(session: WriteSession) -> bool:
    """The sweeper's beat. True: there may be more."""
    window = await next_window(session, FOLLOWER, most=MOST)
    if window is not None:
        ended: Any = await session.execute(_ENDED, {**window.bounds, "kind": KIND})
        for template, data, state, reason in ended.all():
            problem = (
                "The email was cancelled." if state == "cancelled" else f"The email was not sent. {reason}".strip()
            )
            try:
                await find_letter(template).undelivered(session, letter_data(template, data), problem)
            except (UnknownLetter, LetterMismatch) as error:
                logger.warning("letter_not_told", template=template, error=str(error))
    return window is not None and not window.last
