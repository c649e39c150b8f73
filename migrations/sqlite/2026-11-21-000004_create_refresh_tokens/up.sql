-- Refresh tokens by their id, without the tokens themselves.
-- consumed_at: when rotation replaced the token. successor: the pair that replaced it, encrypted under a
-- key that is derived from the token, for the replay window of half a minute.
-- family: the id of the sign-in's first token. sid: the WorkOS session. revoked_at: when the token was
-- revoked.
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
