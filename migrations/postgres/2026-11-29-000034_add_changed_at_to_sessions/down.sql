DROP TRIGGER sessions_changed ON sessions;
DROP FUNCTION note_change_of_session;
ALTER TABLE sessions DROP COLUMN changed_at;
