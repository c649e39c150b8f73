DROP TRIGGER sessions_ended;
ALTER TABLE sessions DROP COLUMN workos_access_token;
