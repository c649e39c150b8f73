DROP INDEX pending_sign_ins_expires_at;
ALTER TABLE pending_sign_ins RENAME TO unfinished_sign_ins;

CREATE INDEX unfinished_sign_ins_expires_at ON unfinished_sign_ins (expires_at);
