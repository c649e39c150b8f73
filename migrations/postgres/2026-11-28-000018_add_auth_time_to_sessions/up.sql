-- auth_time: when the user last entered credentials; NULL in sessions of earlier versions.
-- last_seen_at: when the session was last used, to a tenth of SESSION_IDLE_TIMEOUT; NULL without it.
ALTER TABLE sessions ADD COLUMN auth_time TIMESTAMP;
ALTER TABLE sessions ADD COLUMN last_seen_at TIMESTAMP;
