"""Where tasks stand in their queues: each behind the last of its share (docs/explanation/fairness.md)."""

from datetime import datetime

from sqlalchemy import CTE, BigInteger, ColumnElement, case, func, select, tuple_

from holdgate.tasks.models import Task

# In which line a task stands, if it is ready: the free one, or that of its limited kind.
LINE = case((Task.limited, Task.kind), else_="")


def lined_up(chosen: CTE, at: ColumnElement[datetime]) -> CTE:
    """The chosen tasks with their new places, each behind the last of its share. Every share is looked up once."""
    shares = select(chosen.c.queue, chosen.c.priority, chosen.c.share, chosen.c.line).distinct().cte("shares")
    place = func.holdgate_place(shares.c.queue, shares.c.priority, shares.c.share, at, shares.c.line, type_=BigInteger)
    places = (
        select(shares.c.queue, shares.c.priority, shares.c.share, shares.c.line, place.label("place"))
        .cte("places")
        .prefix_with("MATERIALIZED")
    )
    share = (chosen.c.queue, chosen.c.priority, chosen.c.share, chosen.c.line)
    number = func.row_number().over(partition_by=share, order_by=chosen.c.id)
    same = tuple_(*share) == tuple_(places.c.queue, places.c.priority, places.c.share, places.c.line)
    return (
        select(chosen.c.id, chosen.c.line, (places.c.place + number).label("position"))
        .join(places, same)
        .cte("lined_up")
    )
