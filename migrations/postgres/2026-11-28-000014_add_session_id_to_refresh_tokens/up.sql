-- session_id: the browser session with which the token's family ends, where WorkOS has no session for
-- it. Until now `sid` held `local:` and this id.
ALTER TABLE refresh_tokens ADD COLUMN session_id TEXT;
UPDATE refresh_tokens SET session_id = substr(sid, 7), sid = NULL WHERE sid LIKE 'local:%';

CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

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
            WHERE revoked_at IS NULL AND (sid = OLD.workos_sid OR session_id = OLD.id);
            EXIT WHEN NOT FOUND;
        END LOOP;
    END IF;
    RETURN OLD;
END
$$;
