DROP INDEX sessions_generation_changed_at;
ALTER TABLE sessions RENAME COLUMN generation_changed_at TO marked_at;
ALTER TABLE sessions RENAME COLUMN generation TO marks;

CREATE INDEX sessions_marked_at ON sessions (marked_at);
