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

CREATE FUNCTION note_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ended_sessions (session_id, expires_at)
    SELECT id, expires_at FROM sessions WHERE user_id = OLD.id AND revoked_at IS NULL
    ON CONFLICT DO NOTHING;
    RETURN COALESCE(NEW, OLD);
END
$$;

CREATE FUNCTION note_deleted_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ended_sessions (session_id, expires_at) VALUES (OLD.id, OLD.expires_at)
    ON CONFLICT DO NOTHING;
    RETURN OLD;
END
$$;

CREATE TRIGGER users_closed AFTER UPDATE OF is_active ON users
FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION note_sessions_of_user();

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
FOR EACH ROW WHEN (OLD.expires_at > (clock_timestamp() AT TIME ZONE 'UTC'))
EXECUTE FUNCTION note_deleted_session();
