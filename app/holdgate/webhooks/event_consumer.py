"""Following the event log for webhooks: every event that an endpoint wants becomes one delivery, once.

The deliveries and the advance of the cursor commit together. What happens to deliveries and other internal tasks is not
told: a webhook about a webhook would never end.
"""

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.stats import counts as stats
from holdgate.stats.event_consumer import Window, next_window
from holdgate.tasks.kinds import all_kinds
from holdgate.webhooks import queries
from holdgate.webhooks.events import OF_RUN, OF_STATE, Happening, RunHappening, message
from holdgate.webhooks.queries import Listening
from holdgate.webhooks.service import Message, send

FOLLOWER = "webhooks"
MOST = 2000  # events of tasks read in one transaction


async def follow_log(session: WriteSession, settings: Settings) -> bool:
    """The sweeper's beat. True: there may be more."""
    endpoints = await queries.listening(session)
    window = await next_window(session, FOLLOWER, most=MOST if endpoints else None)
    if window is None:
        return False
    if endpoints:
        await send(session, _messages(await _happenings(session, window, endpoints), endpoints, settings.base_url))
    return not window.last


async def _happenings(session: WriteSession, window: Window, endpoints: list[Listening]) -> list[Happening]:
    """What happened to tasks and runs that any of the endpoints may be told about, in its order."""
    owners = None if any(each.everyone for each in endpoints) else [each.owner_id for each in endpoints]
    internal = [kind.name for kind in all_kinds() if kind.internal]
    tasks = await queries.tasks_in(session, window, owners, list(OF_STATE), internal)
    runs: list[RunHappening] = []
    if any(type in OF_RUN for each in endpoints for type in each.events):
        runs = await queries.runs_in(session, window, owners)
        counts = await stats.counts_by_run(session, [run.run_id for run in runs])
        runs = [run.with_tasks(counts[run.run_id]) for run in runs]
    return sorted([*tasks, *runs], key=lambda each: each.at)


def _messages(happenings: list[Happening], endpoints: list[Listening], base_url: str) -> list[Message]:
    found = []
    for happening in happenings:
        for type in happening.types:
            wanting = [each for each in endpoints if each.wants(type, happening.owner_id)]
            if wanting:
                body = message(type, happening.at, happening.data(type, base_url))
                found += [Message(each.id, each.owner_id, type, body) for each in wanting]
    return found
