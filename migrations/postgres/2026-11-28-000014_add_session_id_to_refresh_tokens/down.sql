CREATE OR REPLACE FUNCTION end_deleted_session() RETURNS trigger LANGUAGE plpgsql AS $$
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

DROP INDEX refresh_tokens_session_id;
UPDATE refresh_tokens SET sid = 'local:' || session_id WHERE session_id IS NOT NULL;
ALTER TABLE refresh_tokens DROP COLUMN session_id;
