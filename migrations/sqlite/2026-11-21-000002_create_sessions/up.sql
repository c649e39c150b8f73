-- login_attempt: the hash of the login attempt's `state`. It is unique, so one attempt creates one session.
-- confirmed_until: until when WorkOS has confirmed the session (the expiry of its access token).
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    login_attempt TEXT UNIQUE,
    workos_sid TEXT,
    workos_refresh_token BLOB,
    confirmed_until TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);

CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_workos_sid ON sessions (workos_sid);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
