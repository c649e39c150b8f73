-- Up to which event WorkOS's Events API was read, in one row; no row before the first reading. event_id: the last
-- event that was read; NULL if WorkOS had none yet, or does not know it any more. event_created_at: when WorkOS
-- created it.
CREATE TABLE workos_event_cursor (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    event_id TEXT,
    event_created_at TIMESTAMP
);

INSERT INTO jobs (name, due_at) VALUES ('poll_workos_events', '1970-01-01 00:00:00');
