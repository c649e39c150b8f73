-- Sign-ins that wait for another step. Their state may be too large for a cookie, if the user belongs to
-- hundreds of organisations. id: SHA-256 of the value of the browser's cookie. content: encrypted.
-- answering_until: when the lease of the request that sends the answer to WorkOS expires.
CREATE TABLE unfinished_sign_ins (
    id TEXT PRIMARY KEY NOT NULL,
    content BLOB NOT NULL,
    asked_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    answering_until TIMESTAMP
);

CREATE INDEX unfinished_sign_ins_expires_at ON unfinished_sign_ins (expires_at);
