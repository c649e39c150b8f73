-- The account page, a log-out everywhere and the limit of sessions look for the open sessions of a user, who may have
-- thousands that have ended.
CREATE INDEX sessions_user_id_open ON sessions (user_id) WHERE revoked_at IS NULL;
