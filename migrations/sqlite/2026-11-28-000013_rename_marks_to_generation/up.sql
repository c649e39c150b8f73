-- generation: a change of membership increments it, and every cookie that names an older generation
-- reloads the session from this row. generation_changed_at: the time of the last increment; each
-- replica reads the recent ones every second.
--
-- This migration is the first of its release on purpose. A process of the previous release cannot read
-- a session without the column `marks`, so it answers with an error instead of writing rows that the
-- later migrations of this release have already converted.
DROP INDEX sessions_marked_at;
ALTER TABLE sessions RENAME COLUMN marks TO generation;
ALTER TABLE sessions RENAME COLUMN marked_at TO generation_changed_at;

CREATE INDEX sessions_generation_changed_at ON sessions (generation_changed_at);
