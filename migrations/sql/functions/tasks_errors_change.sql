CREATE OR REPLACE FUNCTION tasks_errors_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  -- Most changes are of tasks that have never failed.
  IF NOT EXISTS (SELECT FROM new_rows WHERE fingerprint IS NOT NULL) AND NOT EXISTS (SELECT FROM old_rows WHERE fingerprint IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, dead, sum(n)
  FROM (SELECT owner_id, fingerprint, state = 'dead_letter' AS dead, 1 AS n FROM new_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running')
        UNION ALL SELECT owner_id, fingerprint, state = 'dead_letter', -1 FROM old_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running')) AS changes
  GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
  RETURN NULL;
END $$;
