-- The events of WorkOS's that were taken: a repeated one does nothing, and a late one about a user who
-- was deleted brings nobody back.
CREATE TABLE webhook_events (
    id TEXT PRIMARY KEY NOT NULL,
    event TEXT NOT NULL,
    -- Whom or what it is about: a user's id, a session's.
    object_id TEXT,
    received_at TIMESTAMP NOT NULL
);

CREATE INDEX webhook_events_object_id ON webhook_events (object_id);
CREATE INDEX webhook_events_received_at ON webhook_events (received_at);

-- When WorkOS deleted the linked user: `activate` then frees the row for another one.
ALTER TABLE users ADD COLUMN workos_deleted_at TIMESTAMP;
