DROP TABLE workos_revocations;
DROP INDEX sessions_refresh_token_sent_at;
ALTER TABLE sessions DROP COLUMN refresh_token_sent_at;
