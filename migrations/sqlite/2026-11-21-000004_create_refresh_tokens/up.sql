-- Refresh tokens by their id, never the tokens themselves.
-- consumed_at: when rotation replaced it; successor: by what, sealed under a key that only the token
-- itself gives, for half a minute of replays.
-- family: the jti of the first token of a sign-in. sid: WorkOS's session. revoked_at: no longer good.
CREATE TABLE refresh_tokens (
    jti TEXT PRIMARY KEY NOT NULL,
    family TEXT NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    sid TEXT,
    issued_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    family_expires_at TIMESTAMP,
    consumed_at TIMESTAMP,
    successor BLOB,
    revoked_at TIMESTAMP
);

CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_sid ON refresh_tokens (sid);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
