DROP INDEX sessions_changed_at;
DROP INDEX sessions_refresh_token_sent_at;
