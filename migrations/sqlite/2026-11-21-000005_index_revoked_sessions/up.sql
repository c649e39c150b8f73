-- Every replica reads the recent revocations once a second.
CREATE INDEX sessions_revoked_at ON sessions (revoked_at);
