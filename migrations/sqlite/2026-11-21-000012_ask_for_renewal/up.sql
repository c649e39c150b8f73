-- marks: how often it was asked that every cookie of the session be brought up to date from its row;
-- a cookie names the one that it has followed. marked_at: when last, for the replicas, which read the
-- latest marks each second.
ALTER TABLE sessions ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN marked_at TIMESTAMP;

CREATE INDEX sessions_marked_at ON sessions (marked_at);
