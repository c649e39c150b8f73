-- When the session was last revoked, or its generation last changed, by the database's clock. Replicas read the
-- recent changes by this time: revoked_at and generation_changed_at have the clock of the replica that wrote
-- them, which may be wrong. A trigger writes it, so that it is there whoever makes the change. It is NULL for
-- earlier changes, which replicas read when they start, by the other two columns.
ALTER TABLE sessions ADD COLUMN changed_at TIMESTAMP;

CREATE FUNCTION note_change_of_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp() AT TIME ZONE 'UTC';
    RETURN NEW;
END
$$;

CREATE TRIGGER sessions_changed BEFORE UPDATE OF revoked_at, generation ON sessions
FOR EACH ROW WHEN (
    NEW.revoked_at IS DISTINCT FROM OLD.revoked_at OR NEW.generation <> OLD.generation
) EXECUTE FUNCTION note_change_of_session();
