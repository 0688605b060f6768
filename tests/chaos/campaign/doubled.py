"""What must not happen twice: a sentence for everything that did."""

import json
from collections import defaultdict

from tests.chaos.campaign.employer import SentApplication
from tests.chaos.campaign.handlers import TRACE
from tests.chaos.campaign.installation import Installation


async def one_task_of_each(of: Installation) -> list[str]:
    """However often it was asked for: one, also of what nobody was answered about."""
    rows = await of.sql(
        "SELECT subject, count(*) FROM tasks WHERE subject NOT LIKE 'schedule:%' GROUP BY 1 HAVING count(*) > 1"
    )
    asked = await of.sql(
        "SELECT title, count(*) FROM approvals WHERE withdrawn_at IS NULL GROUP BY 1 HAVING count(*) > 1"
    )
    beats = await of.sql(
        "SELECT s.name, b.beat_at, count(*) FROM schedule_beats b JOIN schedules s ON s.id = b.schedule_id"
        " JOIN tasks t ON t.id = b.task_id GROUP BY 1, 2 HAVING count(*) > 1"
    )
    return [f"{row[0]} is there {row[1]} times" for row in (*rows, *asked)] + [
        f"{row[0]} ran twice at {row[1]}" for row in beats
    ]


async def no_stored_step_ran_again(of: Installation) -> list[str]:
    stored = {(str(row[0]), row[1]): row[2] for row in await of.sql("SELECT task_id, name, attempt FROM task_steps")}
    again = []
    trace = of.home / "data" / TRACE
    for line in trace.read_text().splitlines():
        task_id, step, attempt = line.split()
        if (task_id, step) in stored and int(attempt) > stored[task_id, step]:
            again.append(f"{step} of {task_id} was stored by attempt {stored[task_id, step]} and ran in {attempt}")
    return again


async def an_effect_with_a_key_happened_once(of: Installation) -> list[str]:
    """By the key a receiver knows what came again: one key of each effect, and no key of two."""
    twice = []
    for path in ("/effects", "/sent", "/requests"):
        keys: defaultdict[str, set[str]] = defaultdict(set)
        names: defaultdict[str, set[str]] = defaultdict(set)
        for one in of.record.requests(path):
            name, key = json.loads(one["body"])["name"], one["headers"]["idempotency-key"]
            keys[name].add(key)
            names[key].add(name)
        twice += [f"{path} of {name} came under {len(some)} keys" for name, some in keys.items() if len(some) > 1]
        twice += [f"one key of {', '.join(some)}" for some in names.values() if len(some) > 1]
    rows = await of.sql("SELECT name, count(*) FROM chaos_ledger GROUP BY 1 HAVING count(*) > 1")
    return twice + [f"{row[0]} is booked {row[1]} times" for row in rows]


async def an_application_is_sent_once(of: Installation) -> list[str]:
    """By its key at a site that keeps keys; to another one no second request is made."""
    twice = []
    sent: defaultdict[str, list[SentApplication]] = defaultdict(list)
    for one in of.record.applications():
        sent[one.name].append(one)
    for name, some in sent.items():
        keys = {one.key for one in some}
        if len(keys) > 1:
            twice.append(f"{name} was sent under {len(keys)} keys")
        elif len(some) > 1 and not some[0].keeps:
            twice.append(f"{name} was sent {len(some)} times to a site that keeps no keys")
    tasks = await of.sql(
        "SELECT p.title, count(*) FROM postings p JOIN tasks t ON t.subject = p.id::text"
        " WHERE t.kind = 'application.submit' GROUP BY p.url, 1 HAVING count(*) > 1"
    )
    return twice + [f"{row[0]} has {row[1]} applications" for row in tasks]


async def a_decision_counts_once(of: Installation) -> list[str]:
    rows = await of.sql(
        "SELECT a.title, count(*) FROM approvals a JOIN task_events e ON e.task_id = a.task_id"
        " AND e.verb IN ('approve', 'reject', 'expire') AND e.from_state = a.hold GROUP BY a.id, 1 HAVING count(*) > 1"
    )
    votes = await of.sql(
        "SELECT a.title, v.person FROM approval_votes v JOIN approvals a ON a.id = v.approval_id"
        " GROUP BY a.id, 1, 2 HAVING count(*) > 1"
    )
    return [f"{row[0]} was decided {row[1]} times" for row in rows] + [
        f"{row[1]} counts twice at {row[0]}" for row in votes
    ]


CHECKS = (
    one_task_of_each,
    no_stored_step_ran_again,
    an_effect_with_a_key_happened_once,
    an_application_is_sent_once,
    a_decision_counts_once,
)
