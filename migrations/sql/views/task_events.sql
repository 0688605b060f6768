-- The log in words, for all who read it. Whoever looks for none of the names pays for no join.
CREATE OR REPLACE VIEW task_events AS
  SELECT e.id, e.xid, e.at, e.since, e.task_id, l.run_id, l.owner_id, l.queue, l.kind,
         CAST(e.verb AS text) AS verb, CAST(e.from_state AS text) AS from_state, CAST(e.to_state AS text) AS to_state,
         a.name AS actor, e.actor AS actor_id, e.attempt, e.reason, e.data, e.fingerprint
  FROM task_log e
  LEFT JOIN lanes l ON l.id = e.lane
  LEFT JOIN actors a ON a.id = e.actor;
