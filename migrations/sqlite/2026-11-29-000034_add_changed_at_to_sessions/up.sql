-- When the session was last revoked, or its generation last changed, by the database's clock. Replicas read the
-- recent changes by this time: revoked_at and generation_changed_at have the clock of the replica that wrote
-- them, which may be wrong. A trigger writes it, so that it is there whoever makes the change. It is NULL for
-- earlier changes, which replicas read when they start, by the other two columns.
ALTER TABLE sessions ADD COLUMN changed_at TIMESTAMP;

CREATE TRIGGER sessions_changed AFTER UPDATE OF revoked_at, generation ON sessions
WHEN NEW.revoked_at IS NOT OLD.revoked_at OR NEW.generation <> OLD.generation
BEGIN
    UPDATE sessions SET changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;
