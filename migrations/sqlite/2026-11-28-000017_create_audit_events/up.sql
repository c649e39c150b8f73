-- The audit trail: who signed in, failed to, or changed what, when, from where and why. No column holds a
-- secret. There is no foreign key: an event outlives its user and its session.
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at TIMESTAMP NOT NULL,
    event TEXT NOT NULL,
    user_id BIGINT,
    session_id TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    -- A JSON object.
    detail TEXT NOT NULL
);

CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_user_id_at ON audit_events (user_id, at);
