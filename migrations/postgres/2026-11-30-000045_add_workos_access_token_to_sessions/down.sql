DROP TRIGGER sessions_ended ON sessions;
DROP FUNCTION delete_access_token_of_session;
ALTER TABLE sessions DROP COLUMN workos_access_token;
