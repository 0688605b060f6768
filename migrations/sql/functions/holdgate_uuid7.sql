-- A time-ordered id (RFC 9562, version 7), as our programs make them: uuidv7() is there from PostgreSQL 18 on.
CREATE OR REPLACE FUNCTION holdgate_uuid7() RETURNS uuid LANGUAGE sql VOLATILE
AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
           PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
           52, 1), 53, 1), 'hex')::uuid
$$;
