-- organization_id, role: in whose name the session is, so that a lost cookie loses neither.
-- renew_after: from when on WorkOS is asked again; NULL: nobody has asked since the sign-in.
-- renewing_until: the lease of whoever is asking; it ends by itself when they die of it.
-- renewal_failures: how often in a row WorkOS could not be reached.
ALTER TABLE sessions ADD COLUMN organization_id TEXT;
ALTER TABLE sessions ADD COLUMN role TEXT;
ALTER TABLE sessions ADD COLUMN renew_after TIMESTAMP;
ALTER TABLE sessions ADD COLUMN renewing_until TIMESTAMP;
ALTER TABLE sessions ADD COLUMN renewal_failures INTEGER NOT NULL DEFAULT 0;

-- Sessions that ended behind the program's back: an account closed, or a row deleted, with SQL alone.
-- noticed_at goes by the database's own clock, on both sides of the comparison.
CREATE TABLE ended_sessions (
    session_id TEXT PRIMARY KEY NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    noticed_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

CREATE INDEX ended_sessions_expires_at ON ended_sessions (expires_at);
CREATE INDEX ended_sessions_noticed_at ON ended_sessions (noticed_at);

-- As the program closes an account: its sessions and tokens end for good, whoever opens it again.
-- The program raises token_version itself, in the same statement.
CREATE TRIGGER users_closed AFTER UPDATE OF is_active ON users
WHEN OLD.is_active AND NOT NEW.is_active
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at)
    SELECT id, expires_at FROM sessions WHERE user_id = NEW.id AND revoked_at IS NULL;
    UPDATE sessions
    SET revoked_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), workos_refresh_token = NULL
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    UPDATE users SET token_version = token_version + 1
    WHERE id = NEW.id AND NEW.token_version = OLD.token_version;
END;

-- Beside sessions_deleted: SQLite's shell does not follow foreign keys unless it is told to.
CREATE TRIGGER users_deleted BEFORE DELETE ON users
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at)
    SELECT id, expires_at FROM sessions WHERE user_id = OLD.id;
END;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
WHEN OLD.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
BEGIN
    INSERT OR IGNORE INTO ended_sessions (session_id, expires_at) VALUES (OLD.id, OLD.expires_at);
    -- One that had ended before took its tokens along; its sid may live on in the row that replaced it.
    UPDATE refresh_tokens
    SET revoked_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), successor = NULL
    WHERE OLD.revoked_at IS NULL AND revoked_at IS NULL
    AND sid IN (OLD.workos_sid, 'local:' || OLD.id);
END;
