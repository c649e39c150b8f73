-- marks: a counter. When it is incremented, every cookie of the session reloads it from this row; a cookie
-- names the value that it has seen. marked_at: when it was last incremented, for the replicas, which read
-- the recent ones once a second.
ALTER TABLE sessions ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN marked_at TIMESTAMP;

CREATE INDEX sessions_marked_at ON sessions (marked_at);
