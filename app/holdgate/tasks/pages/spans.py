"""Where the time of one task went: a stretch for every state it was in, for the bars of its page."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.states import FINISHED, RESOLVED

OVER = {*map(str, FINISHED), RESOLVED}  # in these no time is spent
NARROWEST = 0.6  # per cent: a second of an hour is seen, too


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From `offset` after the task's creation on it was in the `state`. `left` and `width` in per cent of the whole."""

    state: str
    attempt: int | None
    offset: timedelta
    took: timedelta
    left: float
    width: float


def spans_of(events: Sequence[TaskEvent], now: datetime) -> list[Span]:
    """Args:
    events: oldest first, from the task's creation on.
    now: until when the state lasts that it is in; not needed when it has ended.
    """
    moves = [event for event in events if event.from_state != event.to_state and event.to_state]
    if not moves:
        return []
    begin = moves[0].at
    stretches = [(event, following.at) for event, following in pairwise(moves)]
    stretches.append((moves[-1], max(now, moves[-1].at)))
    stretches = [each for each in stretches if each[0].to_state not in OVER]
    whole = max((until for _, until in stretches), default=begin) - begin
    scale = 100 / (whole / timedelta(seconds=1) or 1)
    return [
        Span(
            state=str(event.to_state),
            attempt=event.attempt if event.to_state == "running" else None,
            offset=event.at - begin,
            took=until - event.at,
            left=min((event.at - begin) / timedelta(seconds=1) * scale, 100 - NARROWEST),
            width=max((until - event.at) / timedelta(seconds=1) * scale, NARROWEST),
        )
        for event, until in stretches
    ]
