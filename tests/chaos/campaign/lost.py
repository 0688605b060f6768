"""What must not be lost: a sentence for everything that is."""

import json
from collections import Counter
from hashlib import sha256

from tests.chaos.campaign.employer import JOBS, WIDTH, arrival_title_of, job_url
from tests.chaos.campaign.installation import Installation


async def acknowledged_is_present(of: Installation) -> list[str]:
    there = {row[0] for row in await of.sql("SELECT id FROM tasks")}
    lost = [f"{name}: acknowledged, and not there" for name, id in of.record.acknowledged.items() if id not in there]
    runs = {row[0] for row in await of.sql("SELECT id FROM runs")}
    return lost + [f"run {id}: acknowledged, and not there" for id in of.record.runs if id not in runs]


async def everything_ended_or_holds(of: Installation) -> list[str]:
    """Held: by people who were told to leave it alone. Planned: by its own time."""
    rows = await of.sql(
        "SELECT t.id, t.kind, t.subject, t.state, t.reason FROM tasks t"
        " WHERE t.finished_at IS NULL AND NOT (t.state = 'scheduled' AND t.run_at > now())"
        " AND NOT EXISTS (SELECT FROM approvals a WHERE a.task_id = t.id AND a.state = 'pending'"
        "                 AND (a.title = ANY($1) OR a.title LIKE 'Send probe-%') AND t.state = 'pending_approval')",
        list(of.record.undecided),
    )
    dead = await of.sql(
        "SELECT id, kind, subject, state, reason FROM tasks WHERE state = 'dead_letter'"
        " AND (kind LIKE 'chaos.%' OR kind IN ('email.send', 'webhook.deliver', 'sample.task') OR reason IS NULL)"
    )
    return [f"{row[1]} {row[2] or row[0]} is {row[3]}: {row[4]}" for row in (*rows, *dead)]


async def every_email_arrived(of: Installation) -> list[str]:
    """What Holdgate takes for delivered, the mail server has; and whoever was asked was written to."""
    seen = {str(mail["Message-ID"]) for mail in of.record.mails()}
    rows = await of.sql(
        "SELECT t.title, s.result->>'message_id' FROM task_steps s JOIN tasks t ON t.id = s.task_id"
        " WHERE t.kind = 'email.send' AND s.name = 'deliver' AND s.result->>'message_id' IS NOT NULL"
    )
    lost = [f"{row[0]}: told as delivered, and never arrived" for row in rows if row[1] not in seen]
    written = Counter((str(mail["To"]), str(mail["Subject"])) for mail in of.record.mails())
    asked = await of.sql(
        "SELECT r.email, a.title FROM approval_recipients r JOIN approvals a ON a.id = r.approval_id"
        " WHERE a.state = 'pending' OR r.sent_at IS NOT NULL"
    )
    for email, title in asked:
        if not any(to == email and title in subject for to, subject in written):
            lost.append(f"{title}: {email} was asked, and has no email")
    return lost


async def every_webhook_arrived(of: Installation) -> list[str]:
    """One event of each task that has succeeded, and one callback of each decision."""
    seen = {one["headers"].get("webhook-id") for path in ("/hooks", "/callbacks") for one in of.record.requests(path)}
    rows = await of.sql("SELECT id, type, delivered_at IS NOT NULL FROM webhook_deliveries")
    lost = [f"webhook {row[0]} ({row[1]}) was not delivered" for row in rows if str(row[0]) not in seen or not row[2]]
    told = {
        json.loads(one["body"])["data"]["id"]
        for one in of.record.requests("/hooks")
        if json.loads(one["body"])["type"] == "task.succeeded"
    }
    succeeded = await of.sql(
        "SELECT t.id, t.kind FROM tasks t JOIN webhook_endpoints e ON e.owner_id = t.owner_id AND e.task_id IS NULL"
        " WHERE t.state = 'succeeded' AND t.kind NOT IN ('email.send', 'webhook.deliver', 'approval.request')"
        " AND t.created_at > e.created_at"
    )
    return lost + [
        f"{row[1]} {row[0]} succeeded, and no webhook said so" for row in succeeded if str(row[0]) not in told
    ]


async def every_confirmed_decision_counts(of: Installation) -> list[str]:
    rows = await of.sql(
        "SELECT a.title, v.person, v.verb FROM approval_votes v JOIN approvals a ON a.id = v.approval_id"
    )
    counted = {(row[0], row[1]): row[2] for row in rows}
    return [
        f"{one.person} was told that {one.title!r} is decided ({one.verb}), and it does not count"
        for one in of.record.decisions
        if one.told and counted.get((one.title, one.person)) != one.verb
    ]


async def every_effect_happened(of: Installation) -> list[str]:
    """What has succeeded has had its effects outside and in the database."""
    outside = {json.loads(one["body"])["name"] for one in of.record.requests("/effects")}
    booked = {row[0] for row in await of.sql("SELECT name FROM chaos_ledger")}
    done = await of.sql("SELECT payload->>'name' FROM tasks WHERE kind = 'chaos.work' AND state = 'succeeded'")
    return [f"{row[0]} succeeded without its effect" for row in done if row[0] not in outside or row[0] not in booked]


async def every_application_is_there(of: Installation) -> list[str]:
    """Its posting and its task; once it has succeeded, at the employer's and as applied to; and none has failed but
    where a person said that it had not arrived, and it had not."""
    arrived = {one.name for one in of.record.applications()}
    refuted = {one.title for one in of.record.decisions if one.wish == "no"}
    rows = await of.sql(
        "SELECT p.title, t.state, t.reason, p.applied_task_id = t.id AND a.sent_at IS NOT NULL AS noted FROM postings p"
        " JOIN tasks t ON t.kind = 'application.submit' AND t.subject = p.id::text"
        " LEFT JOIN applications a ON a.task_id = t.id"
    )
    lost = [f"{name}: acknowledged, and not there" for name in of.record.applications_for - {row[0] for row in rows}]
    for name, state, reason, noted in rows:
        if state == "succeeded" and not (noted and name in arrived):
            lost.append(f"{name} succeeded, and is not {'noted' if name in arrived else 'at the employer’s'}")
        if state == "dead_letter" and (name in arrived or arrival_title_of(name) not in refuted):
            lost.append(f"{name} is a dead letter: {reason}")
    forgotten = await of.sql(
        "SELECT t.subject, a.status FROM tasks t JOIN applications a ON a.id::text = t.payload->>'application_id'"
        " WHERE t.kind = 'application.follow_up' AND t.state = 'succeeded' AND a.status <> 'interview'"
    )
    return lost + [f"{row[0]} succeeded, and its application is {row[1]}" for row in forgotten]


async def every_board_was_read(of: Installation) -> list[str]:
    rows = await of.sql(
        "SELECT t.subject, s.result->>'new', (SELECT count(*) FROM postings p WHERE p.url LIKE $1 || t.subject || '/%')"
        " FROM tasks t LEFT JOIN task_steps s ON s.task_id = t.id AND s.name = 'keep'"
        " WHERE t.kind = 'board.watch' AND t.state = 'succeeded'",
        job_url("", 0).removesuffix("/0"),
    )
    return [
        f"{row[0]} tells {row[1]} new postings, {row[2]} are there" for row in rows if {*row[1:]} != {str(JOBS), JOBS}
    ]


async def every_file_is_kept(of: Installation) -> list[str]:
    """Whole, as it was recorded; and of each picture that was asked for there is one."""
    lost = []
    for key, digest in await of.sql("SELECT key, sha256 FROM artifacts"):
        file = of.artifacts / key
        if not file.exists() or sha256(file.read_bytes()).hexdigest() != digest:
            lost.append(f"the file {key} is {'not whole' if file.exists() else 'gone'}")
    rows = await of.sql(
        "SELECT t.subject FROM tasks t WHERE t.kind = 'image.process' AND t.state = 'succeeded'"
        " AND NOT EXISTS (SELECT FROM artifacts a JOIN task_steps s USING (task_id) WHERE a.task_id = t.id"
        "                 AND s.name = 'edit' AND s.result->>'width' = $1)",
        str(WIDTH // 2),
    )
    return lost + [f"{row[0]} succeeded without its picture" for row in rows]


async def bulk_actions_did_all(of: Installation) -> list[str]:
    rows = await of.sql("SELECT id, state, total, done, skipped FROM bulk_actions WHERE id = ANY($1)", of.record.bulk)
    left = [
        f"bulk action {row[0]} is {row[1]}: {row[3]} of {row[2]}"
        for row in rows
        if row[1] != "finished" or row[3] != row[2]
    ]
    return left + [f"{len(of.record.bulk) - len(rows)} bulk actions are gone"] * (len(rows) != len(of.record.bulk))


CHECKS = (
    acknowledged_is_present,
    everything_ended_or_holds,
    every_email_arrived,
    every_webhook_arrived,
    every_confirmed_decision_counts,
    every_effect_happened,
    every_application_is_there,
    every_board_was_read,
    every_file_is_kept,
    bulk_actions_did_all,
)
