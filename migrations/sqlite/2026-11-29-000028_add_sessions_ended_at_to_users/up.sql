-- When all sessions of the account last ended at once. A sign-in that waited for a further step then does not
-- complete any more.
ALTER TABLE users ADD COLUMN sessions_ended_at TIMESTAMP;

-- Closing an account with SQL sets it too. The program sets it itself, together with token_version.
DROP TRIGGER users_closed;
CREATE TRIGGER users_closed AFTER UPDATE OF is_active ON users
WHEN OLD.is_active AND NOT NEW.is_active
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at)
    SELECT id, expires_at FROM sessions WHERE user_id = NEW.id AND revoked_at IS NULL;
    UPDATE sessions
    SET revoked_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), workos_refresh_token = NULL
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    UPDATE users SET token_version = token_version + 1, sessions_ended_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE id = NEW.id AND NEW.token_version = OLD.token_version;
END;
