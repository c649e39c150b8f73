DROP TRIGGER sessions_changed ON sessions;
DROP FUNCTION note_change_of_session;
DROP INDEX sessions_changed_at;
ALTER TABLE sessions DROP COLUMN changed_at;
CREATE INDEX IF NOT EXISTS sessions_revoked_at ON sessions (revoked_at);
CREATE INDEX IF NOT EXISTS sessions_generation_changed_at ON sessions (generation_changed_at);
