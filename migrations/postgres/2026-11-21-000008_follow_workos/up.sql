-- organization_id, role: the session's organisation and the user's role in it, which must survive the loss
-- of the cookie.
-- renew_after: when the session is due for renewal; NULL before the first renewal.
-- renewing_until: when the lease of the process that renews the session expires.
-- renewal_failures: consecutive renewals that failed because WorkOS could not be reached.
ALTER TABLE sessions ADD COLUMN organization_id TEXT;
ALTER TABLE sessions ADD COLUMN role TEXT;
ALTER TABLE sessions ADD COLUMN renew_after TIMESTAMP;
ALTER TABLE sessions ADD COLUMN renewing_until TIMESTAMP;
ALTER TABLE sessions ADD COLUMN renewal_failures INTEGER NOT NULL DEFAULT 0;

-- Tombstones of sessions that somebody ended with SQL alone, by closing an account or deleting a row.
-- noticed_at is written and compared by the database's clock.
CREATE TABLE ended_sessions (
    session_id TEXT PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL,
    noticed_at TIMESTAMP NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')
);

CREATE INDEX ended_sessions_expires_at ON ended_sessions (expires_at);
CREATE INDEX ended_sessions_noticed_at ON ended_sessions (noticed_at);

-- Closing an account with SQL does what the program does: its sessions and tokens are revoked for good,
-- even if the account is activated again. The program increments token_version itself, in the same
-- statement.
CREATE FUNCTION end_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ended_sessions (session_id, expires_at)
    SELECT id, expires_at FROM sessions WHERE user_id = NEW.id AND revoked_at IS NULL
    ON CONFLICT DO NOTHING;
    UPDATE sessions
    SET revoked_at = clock_timestamp() AT TIME ZONE 'UTC', workos_refresh_token = NULL
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    UPDATE users SET token_version = token_version + 1
    WHERE id = NEW.id AND NEW.token_version = OLD.token_version;
    RETURN NEW;
END
$$;

CREATE FUNCTION end_deleted_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ended_sessions (session_id, expires_at) VALUES (OLD.id, OLD.expires_at)
    ON CONFLICT DO NOTHING;
    -- A session that was revoked earlier has revoked its tokens already. The session that replaced it
    -- may have the same workos_sid, and its tokens stay valid.
    IF OLD.revoked_at IS NULL THEN
        -- A rotation that commits while this statement waits inserts a token that the statement does
        -- not see. The next round revokes it.
        LOOP
            UPDATE refresh_tokens
            SET revoked_at = clock_timestamp() AT TIME ZONE 'UTC', successor = NULL
            WHERE revoked_at IS NULL AND sid IN (OLD.workos_sid, 'local:' || OLD.id);
            EXIT WHEN NOT FOUND;
        END LOOP;
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER users_closed AFTER UPDATE OF is_active ON users
FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION end_sessions_of_user();

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
FOR EACH ROW WHEN (OLD.expires_at > (clock_timestamp() AT TIME ZONE 'UTC'))
EXECUTE FUNCTION end_deleted_session();
