DROP INDEX sessions_marked_at;
ALTER TABLE sessions DROP COLUMN marked_at;
ALTER TABLE sessions DROP COLUMN marks;
