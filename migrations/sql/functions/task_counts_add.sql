CREATE OR REPLACE FUNCTION task_counts_add() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO task_totals AS t (owner_id, queue, kind, state, n)
  SELECT owner_id, queue, kind, state, sum(n) FROM new_rows GROUP BY 1, 2, 3, 4
  ON CONFLICT (owner_id, queue, kind, state) DO UPDATE SET n = t.n + EXCLUDED.n;
  RETURN NULL;
END $$;
