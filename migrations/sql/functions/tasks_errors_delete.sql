CREATE OR REPLACE FUNCTION tasks_errors_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, state = 'dead_letter', -count(*) FROM old_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running') GROUP BY 1, 2, 3;
  RETURN NULL;
END $$;
