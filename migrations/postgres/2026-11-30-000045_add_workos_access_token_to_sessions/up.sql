-- WorkOS's access token, encrypted, with WORKOS_TOKEN_ROUTE only. It is deleted when the session ends, whoever ends it.
ALTER TABLE sessions ADD COLUMN workos_access_token BYTEA;

CREATE FUNCTION delete_access_token_of_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.workos_access_token := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER sessions_ended BEFORE UPDATE OF revoked_at ON sessions
FOR EACH ROW WHEN (NEW.revoked_at IS NOT NULL AND NEW.workos_access_token IS NOT NULL)
EXECUTE FUNCTION delete_access_token_of_session();
