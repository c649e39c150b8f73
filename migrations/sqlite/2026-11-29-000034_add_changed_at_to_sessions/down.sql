DROP TRIGGER sessions_changed;
ALTER TABLE sessions DROP COLUMN changed_at;
