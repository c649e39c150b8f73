DROP INDEX refresh_tokens_family_expires_at;
DROP INDEX refresh_tokens_waiting;
DROP TABLE jobs;
