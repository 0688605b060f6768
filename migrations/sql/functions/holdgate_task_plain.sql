-- Whether a task of enqueue_many has the usual fields alone and they are right, as nearly always. holdgate_task_problem would
-- find nothing, but so long an expression takes longer to prepare, in each transaction, than one task takes.
CREATE OR REPLACE FUNCTION holdgate_task_plain(item jsonb) RETURNS boolean LANGUAGE sql STABLE
AS $$
  SELECT coalesce(
    item - '{kind,payload,title,queue,priority,max_attempts}'::text[] = '{}' AND octet_length(item ->> 'payload') <= 128
    AND item @@ '$.kind.type() == "string" && $.kind like_regex "^[A-Za-z][A-Za-z0-9_.:-]{0,99}$"
      && $.payload.type() == "object"
      && (!exists($.title) || $.title.type() == "string" && $.title like_regex "^.{0,200}$" flag "s")
      && (!exists($.queue) || $.queue.type() == "string" && $.queue like_regex "^[a-z][a-z0-9_-]{0,39}$")
      && (!exists($.priority) || $.priority.type() == "number" && $.priority >= 0 && $.priority <= 1000
          && $.priority.floor() == $.priority)
      && (!exists($.max_attempts) || $.max_attempts.type() == "number" && $.max_attempts >= 1 && $.max_attempts <= 1000
          && $.max_attempts.floor() == $.max_attempts)', false)
$$;
