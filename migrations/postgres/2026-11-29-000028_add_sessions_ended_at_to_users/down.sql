CREATE OR REPLACE FUNCTION end_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
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

ALTER TABLE users DROP COLUMN sessions_ended_at;
