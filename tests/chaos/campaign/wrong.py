"""What must agree: the log with the states, the counts with the tasks, decisions with what people said."""

import json
from collections import Counter

from tests.chaos.campaign.employer import title_of
from tests.chaos.campaign.installation import Installation
from tests.chaos.campaign.record import Decision


async def the_log_replays_to_the_state(of: Installation) -> list[str]:
    broken = await of.sql(
        "SELECT task_id, from_state, before FROM (SELECT task_id, from_state, verb,"
        " lag(to_state) OVER (PARTITION BY task_id ORDER BY id) AS before FROM task_events) AS e"
        " WHERE from_state IS DISTINCT FROM before"
    )
    unlike = await of.sql(
        "SELECT t.id, t.state, e.to_state FROM tasks t LEFT JOIN LATERAL (SELECT to_state FROM task_events"
        " WHERE task_id = t.id ORDER BY id DESC LIMIT 1) AS e ON true WHERE e.to_state IS DISTINCT FROM t.state"
    )
    forbidden = await of.sql(
        "SELECT e.task_id, e.verb, e.from_state, e.to_state FROM task_events e WHERE e.from_state IS NOT NULL AND NOT"
        " EXISTS (SELECT FROM task_transitions m WHERE m.from_state = e.from_state AND m.to_state = e.to_state"
        " AND m.verb = e.verb)"
    )
    attempts = await of.sql(
        "SELECT t.id, t.attempt, count(e.*) FROM tasks t"
        " LEFT JOIN task_events e ON e.task_id = t.id AND e.verb = 'claim'"
        " GROUP BY t.id HAVING count(e.*) <> t.attempt"
    )
    return (
        [f"the log of {row[0]} goes from {row[2]} to {row[1]}" for row in broken]
        + [f"{row[0]} is {row[1]}, and its log ends with {row[2]}" for row in unlike]
        + [f"{row[0]}: {row[1]} from {row[2]} to {row[3]} is no transition" for row in forbidden]
        + [f"{row[0]} has attempt {row[1]} and {row[2]} claims" for row in attempts]
    )


async def the_counts_are_exact(of: Installation) -> list[str]:
    """What is folded and what is beyond the watermark, against the tasks."""
    told = Counter({row[0]: row[1] for row in await of.sql("SELECT state, sum(n)::int FROM task_counts GROUP BY 1")})
    for come, gone in await of.sql(
        "SELECT to_state, from_state FROM task_events WHERE xid >= (SELECT upto FROM rollup)"
    ):
        told[come] += 1
        told[gone] -= 1
    told.pop(None, None)
    there = Counter({row[0]: row[1] for row in await of.sql("SELECT state, count(*)::int FROM tasks GROUP BY 1")})
    return [
        f"{state}: {told[state]} are counted, {there[state]} are there"
        for state in told.keys() | there.keys()
        if told[state] != there[state]
    ]


async def decisions_are_in_time_and_of_those_asked(of: Installation) -> list[str]:
    late = await of.sql(
        "SELECT a.title, v.at, a.expires_at FROM approval_votes v JOIN approvals a ON a.id = v.approval_id"
        " WHERE v.at > a.expires_at"
    )
    said = {(one.title, one.person): (one.verb, one.wish) for one in of.record.decisions}
    rows = await of.sql(
        "SELECT a.title, v.person, v.verb,"
        " coalesce(v.answer->>'wish', v.answer->>'cover_letter', v.answer->>'arrived', v.answer->>'status')"
        " FROM approval_votes v JOIN approvals a ON a.id = v.approval_id"
    )
    unsaid = [row for row in rows if said.get((row[0], row[1]), ("", ""))[0] != row[2]]
    other = [row for row in rows if row[3] is not None and said.get((row[0], row[1]), ("", ""))[1] != row[3]]
    few = await of.sql(
        "SELECT a.title FROM approvals a WHERE a.state = 'approved'"
        " AND a.needed <> (SELECT count(*) FROM approval_votes v WHERE v.approval_id = a.id AND v.verb = 'approve')"
    )
    return (
        [f"{row[0]} was decided at {row[1]}, after its deadline {row[2]}" for row in late]
        + [f"{row[1]} never said {row[2]} of {row[0]}" for row in unsaid]
        + [f"{row[1]} never entered {row[3]!r} in {row[0]}" for row in other]
        + [f"{row[0]} is approved by another number of people than it needs" for row in few]
    )


async def nothing_was_sent_unapproved(of: Installation) -> list[str]:
    """Every approver has said so, in the form's own words."""
    needed = {row[0]: row[1] for row in await of.sql("SELECT title, needed FROM approvals")}
    problems = []
    for one in of.record.requests("/sent"):
        sent = json.loads(one["body"])
        agreed = approvals(of, f"Send {sent['name']}")
        if len(agreed) < needed.get(f"Send {sent['name']}", 1):
            problems.append(f"{sent['name']} was sent, and {len(agreed)} had approved")
        elif sent["wish"] and sent["wish"] not in {each.wish for each in agreed}:
            problems.append(f"{sent['name']} was sent as {sent['wish']!r}, which nobody approved")
    for application in of.record.applications():
        if application.letter not in {each.wish for each in approvals(of, title_of(application.name))}:
            problems.append(f"{application.name} was sent with {application.letter!r}, which nobody approved")
    return problems


def approvals(of: Installation, title: str) -> list[Decision]:
    return [each for each in of.record.decisions if (each.title, each.verb) == (title, "approve")]


async def no_fault_of_others_used_up_an_attempt(of: Installation) -> list[str]:
    """A worker that is killed or ended, a database that is away: none of them counts as a failure of the task."""
    rows = await of.sql(
        "SELECT subject, failures, error->>'type' FROM tasks WHERE kind = 'sample.task' AND failures > 0"
    )
    return [f"{row[0]} has {row[1]} failures ({row[2]})" for row in rows]


CHECKS = (
    the_log_replays_to_the_state,
    the_counts_are_exact,
    decisions_are_in_time_and_of_those_asked,
    nothing_was_sent_unapproved,
    no_fault_of_others_used_up_an_attempt,
)
