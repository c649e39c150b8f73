-- WorkOS's access token, encrypted, with WORKOS_TOKEN_ROUTE only. It is deleted when the session ends, whoever ends it.
ALTER TABLE sessions ADD COLUMN workos_access_token BLOB;

CREATE TRIGGER sessions_ended AFTER UPDATE OF revoked_at ON sessions
WHEN NEW.revoked_at IS NOT NULL AND NEW.workos_access_token IS NOT NULL
BEGIN
    UPDATE sessions SET workos_access_token = NULL WHERE id = NEW.id;
END;
