-- session_id: the browser session with which the token's family ends, where WorkOS has no session for
-- it. Until now `sid` held `local:` and this id.
ALTER TABLE refresh_tokens ADD COLUMN session_id TEXT;
UPDATE refresh_tokens SET session_id = substr(sid, 7), sid = NULL WHERE sid LIKE 'local:%';

CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

DROP TRIGGER sessions_deleted;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
WHEN OLD.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at) VALUES (OLD.id, OLD.expires_at);
    -- A session that was revoked earlier has revoked its tokens already. The session that replaced it
    -- may have the same workos_sid, and its tokens stay valid.
    UPDATE refresh_tokens
    SET revoked_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), successor = NULL
    WHERE OLD.revoked_at IS NULL AND revoked_at IS NULL
    AND (sid = OLD.workos_sid OR session_id = OLD.id);
END;
