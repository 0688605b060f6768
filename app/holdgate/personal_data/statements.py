"""What is deleted and emptied when a person is erased, a statement each, in this order; then the address is replaced
wherever else it stands (erasing.py).

`:user_id` is the person, NULL for whoever has no account; `:address` their address; `:person` it without a tag.
"""

from sqlalchemy import TextClause, text

# Nothing new comes from them.
STOP = {
    "schedule_events": text(
        "UPDATE schedule_events SET name = 'Erased', changed = NULL"
        " WHERE schedule_id IN (SELECT id FROM schedules WHERE owner_id = :user_id)"
    ),
    "schedules": text("DELETE FROM schedules WHERE owner_id = :user_id"),
    "webhook_endpoints": text("DELETE FROM webhook_endpoints WHERE owner_id = :user_id"),
    "alarms": text("DELETE FROM alarms WHERE owner_id = :user_id"),
    "error_mutes": text("DELETE FROM error_mutes WHERE owner_id = :user_id"),
    "api_tokens": text("DELETE FROM api_tokens WHERE user_id = :user_id"),
    "sessions": text("DELETE FROM sessions WHERE user_id = :user_id"),
}

# Tasks of theirs that stay, because somebody has decided on them, and what was asked.
EMPTY: dict[str, TextClause] = {
    "tasks": text(
        """
        UPDATE tasks SET payload = '{}', title = '', subject = NULL, result = NULL, progress = NULL, error = NULL,
                         reason = NULL, resolution = NULL, traceparent = NULL
        WHERE owner_id = :user_id
        """
    ),
    "task_steps": text("DELETE FROM task_steps WHERE task_id IN (SELECT id FROM tasks WHERE owner_id = :user_id)"),
    "attempt_lines": text(
        "DELETE FROM attempt_lines WHERE task_id IN (SELECT id FROM tasks WHERE owner_id = :user_id)"
    ),
    "task_keys": text("DELETE FROM task_keys WHERE owner_id = :user_id"),
    "program_requests": text(
        "UPDATE program_requests SET asked = '{}', metadata = '{}'"
        " WHERE task_id IN (SELECT id FROM tasks WHERE owner_id = :user_id)"
    ),
    "webhook_deliveries": text(
        "DELETE FROM webhook_deliveries WHERE task_id IN (SELECT id FROM tasks WHERE owner_id = :user_id)"
    ),
    "approvals": text(
        """
        UPDATE approvals SET title = 'Erased', shown = '{}', form = NULL, choices = '{}', answer = NULL, reason = NULL,
                             erased_at = now()
        WHERE owner_id = :user_id
        """
    ),
    "approval_votes": text(
        "UPDATE approval_votes SET answer = NULL, reason = NULL"
        " WHERE approval_id IN (SELECT id FROM approvals WHERE owner_id = :user_id)"
    ),
    "approval_notes": text(
        "UPDATE approval_notes SET question = 'Erased', answer = CASE WHEN answer IS NOT NULL THEN 'Erased' END"
        " WHERE approval_id IN (SELECT id FROM approvals WHERE owner_id = :user_id)"
    ),
    "approval_events": text(
        "UPDATE approval_events SET data = '{}'"
        " WHERE approval_id IN (SELECT id FROM approvals WHERE owner_id = :user_id)"
    ),
    # Of what others asked them only from where they decided, and when they opened it.
    "approvals decided": text(
        "UPDATE approvals SET decided_from = split_part(decided_from, ', ', 1)"
        " WHERE regexp_replace(lower(decided_by), '^([^+@]+)\\+[^@]*@', '\\1@') = :person"
    ),
    "approval_votes of theirs": text(
        "UPDATE approval_votes SET source = split_part(source, ', ', 1) WHERE person = :person"
    ),
    "approval_openings": text(
        "DELETE FROM approval_openings"
        " WHERE recipient_id IN (SELECT id FROM approval_recipients WHERE person = :person)"
    ),
    "approval_uploads": text("DELETE FROM approval_uploads WHERE person = :person"),
    "approval_digests": text("DELETE FROM approval_digests WHERE person = :person"),
    "task_log": text(
        "UPDATE task_log SET reason = NULL, data = NULL"
        " WHERE lane IN (SELECT id FROM lanes WHERE owner_id = :user_id) AND (reason IS NOT NULL OR data IS NOT NULL)"
    ),
    "audit_events": text("UPDATE audit_events SET data = NULL WHERE subject_id = :user_id AND data IS NOT NULL"),
    "applications": text("DELETE FROM applications WHERE owner_id = :user_id"),
    "application_files": text("DELETE FROM application_files WHERE owner_id = :user_id"),
    "watched_boards": text("DELETE FROM watched_boards WHERE owner_id = :user_id"),
    "column_choices": text("DELETE FROM column_choices WHERE owner_id = :user_id"),
    "distinct_postings": text(
        "DELETE FROM distinct_postings WHERE first_id IN (SELECT id FROM postings WHERE owner_id = :user_id)"
    ),
    "postings": text("DELETE FROM postings WHERE owner_id = :user_id"),
    "posting_imports": text("DELETE FROM posting_imports WHERE owner_id = :user_id"),
    "error_names": text("DELETE FROM error_names WHERE owner_id = :user_id"),
    "runs": text("UPDATE runs SET name = 'Erased' WHERE owner_id = :user_id"),
    "bulk_actions": text("UPDATE bulk_actions SET filter = '{}', note = '', reason = NULL WHERE owner_id = :user_id"),
    "saved_views": text("DELETE FROM saved_views WHERE owner_id = :user_id"),
    "absences": text("DELETE FROM absences WHERE user_id = :user_id"),
    "working_times": text("DELETE FROM working_times WHERE user_id = :user_id"),
    "api_replies": text("DELETE FROM api_replies WHERE user_id = :user_id"),
    "group_members": text("DELETE FROM group_members WHERE email = :address"),
    "login_links": text("DELETE FROM login_links WHERE email = :address"),
    "person_times": text("DELETE FROM person_times WHERE person = :person"),
    "answer_notes": text("DELETE FROM answer_notes WHERE person = :person"),
    "mailbox_messages": text(
        "DELETE FROM mailbox_messages WHERE position(convert_to(:address, 'UTF8') IN raw) > 0 OR recipient = :address"
    ),
}

# After the address has been replaced everywhere.
LAST = {
    "profiles": text("DELETE FROM profiles WHERE user_id = :user_id"),
    "resumes": text("DELETE FROM resumes WHERE user_id = :user_id"),
    "users": text(
        """
        UPDATE users SET name = '', role = 'member', time_zone = NULL, signed_in_at = NULL, erased_at = now(),
                         disabled_at = coalesce(disabled_at, now())
        WHERE id = :user_id
        """
    ),
}

# Tables that have rows of a person, and of which nothing is deleted or emptied: why.
KEPT = {
    "approval_digest_links": "digests of links; they go with their email",
    "approval_links": "digests of links; they go with their request",
    "approval_recipients": "who was asked, by the pseudonym: what a decision rests on",
    "bulk_events": "what became of a bulk action",
    "bulk_tasks": "ids of tasks",
    "error_counts": "numbers",
    "error_minutes": "numbers",
    "lanes": "ids, queues and kinds",
    "run_events": "what became of a run, by the pseudonym",
    "schedule_beats": "times; they go with their schedule",
    "task_counts": "numbers",
    "task_minutes": "numbers",
    "task_stays": "numbers",
    "task_totals": "numbers",
    "task_words": "follows its task",
}
