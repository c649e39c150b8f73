DROP TRIGGER sessions_changed ON sessions;
DROP FUNCTION note_change_of_session;
DROP INDEX sessions_changed_at;
ALTER TABLE sessions DROP COLUMN changed_at;
