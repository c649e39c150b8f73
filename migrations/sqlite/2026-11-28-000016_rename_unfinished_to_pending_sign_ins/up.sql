-- Sign-ins that wait for another step, such as the choice of an organisation.
DROP INDEX unfinished_sign_ins_expires_at;
ALTER TABLE unfinished_sign_ins RENAME TO pending_sign_ins;

CREATE INDEX pending_sign_ins_expires_at ON pending_sign_ins (expires_at);
