DROP TABLE workos_revocations;
ALTER TABLE sessions DROP COLUMN refresh_token_sent_at;
