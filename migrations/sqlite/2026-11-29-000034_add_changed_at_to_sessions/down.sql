DROP TRIGGER sessions_changed;
DROP INDEX sessions_changed_at;
ALTER TABLE sessions DROP COLUMN changed_at;
