-- What a replica that ends has begun at WorkOS, so that another replica completes it.
-- refresh_token_sent_at: when the present refresh token was first sent to WorkOS, if no complete answer has
-- followed. WorkOS may have consumed the token, and repeats its answer for half a minute.
ALTER TABLE sessions ADD COLUMN refresh_token_sent_at TIMESTAMP;

-- Sessions of WorkOS that ended here and are to be revoked there.
CREATE TABLE workos_revocations (
    sid TEXT PRIMARY KEY NOT NULL,
    created_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP NOT NULL
);

CREATE INDEX workos_revocations_next_attempt_at ON workos_revocations (next_attempt_at);
