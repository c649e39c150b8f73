-- The indexes of the columns that the migrations 31 and 34 add. There, they would be built under the lock of
-- ALTER TABLE, which lets no query of sessions begin; here only writes wait. A database that an unreleased version has
-- migrated has them already.
CREATE INDEX IF NOT EXISTS sessions_refresh_token_sent_at ON sessions (refresh_token_sent_at)
WHERE refresh_token_sent_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS sessions_changed_at ON sessions (changed_at) WHERE changed_at IS NOT NULL;
