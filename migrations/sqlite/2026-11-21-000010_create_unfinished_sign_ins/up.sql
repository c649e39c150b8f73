-- Sign-ins for which WorkOS still wants an answer: too large for a cookie where somebody belongs to
-- hundreds of organisations. id: SHA-256 of what the browser's cookie holds. content is encrypted.
-- answering_until: as long, whoever passes an answer on keeps the others from it.
CREATE TABLE unfinished_sign_ins (
    id TEXT PRIMARY KEY NOT NULL,
    content BLOB NOT NULL,
    asked_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    answering_until TIMESTAMP
);

CREATE INDEX unfinished_sign_ins_expires_at ON unfinished_sign_ins (expires_at);
