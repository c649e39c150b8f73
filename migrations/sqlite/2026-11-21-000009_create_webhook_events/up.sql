-- WorkOS's webhook events that were processed, so that a repeated event is ignored.
CREATE TABLE webhook_events (
    id TEXT PRIMARY KEY NOT NULL,
    event TEXT NOT NULL,
    -- The id of the user or session that the event is about.
    object_id TEXT,
    received_at TIMESTAMP NOT NULL
);

CREATE INDEX webhook_events_object_id ON webhook_events (object_id);
CREATE INDEX webhook_events_received_at ON webhook_events (received_at);

-- When WorkOS deleted the linked user. `activate` then unlinks the account, so that another WorkOS user can
-- be linked.
ALTER TABLE users ADD COLUMN workos_deleted_at TIMESTAMP;
