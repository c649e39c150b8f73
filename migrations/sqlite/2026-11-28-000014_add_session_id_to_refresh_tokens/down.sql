DROP TRIGGER sessions_deleted;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
WHEN OLD.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at) VALUES (OLD.id, OLD.expires_at);
    UPDATE refresh_tokens
    SET revoked_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), successor = NULL
    WHERE OLD.revoked_at IS NULL AND revoked_at IS NULL
    AND sid IN (OLD.workos_sid, 'local:' || OLD.id);
END;

DROP INDEX refresh_tokens_session_id;
UPDATE refresh_tokens SET sid = 'local:' || session_id WHERE session_id IS NOT NULL;
ALTER TABLE refresh_tokens DROP COLUMN session_id;
