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
    session_id TEXT PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL,
    noticed_at TIMESTAMP NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')
);

CREATE INDEX ended_sessions_expires_at ON ended_sessions (expires_at);
CREATE INDEX ended_sessions_noticed_at ON ended_sessions (noticed_at);

-- As the program closes an account: its sessions and tokens end for good, whoever opens it again.
-- The program raises token_version itself, in the same statement.
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
    -- One that had ended before took its tokens along; its sid may live on in the row that replaced it.
    IF OLD.revoked_at IS NULL THEN
        -- A rotation that commits meanwhile leaves a successor that only the next round sees.
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
